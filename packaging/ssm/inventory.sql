-- The inventory Custom:Muster of all instances, in Athena. A resource data sync of Systems Manager writes it to S3, below
-- PREFIX/Custom:Muster/accountid=ACCOUNT/region=REGION/resourcetype=ManagedInstanceInventory/INSTANCE.json
-- Replace BUCKET and PREFIX. docs/guides/collectors.md says how the files get there.
CREATE EXTERNAL TABLE IF NOT EXISTS muster (
  `resourceid` string,
  `capturetime` string,
  `schemaversion` string,
  `version` string,
  `cluster` string,
  `containerinstancearn` string,
  `verdict` string,
  `registration` string,
  `running` string,
  `leaving` string,
  `written` string,
  `problem` string,
  `problemid` string,
  `lastevent` string,
  `registered` string,
  `connected` string,
  `impaired` string,
  `orphans` string,
  `dockerreachable` string,
  `unhealthycontainers` string,
  `crashes` string,
  `oomkills` string,
  `crashloops` string,
  `memoryused` string,
  `cputhrottled` string,
  `diskused` string,
  `hostmemoryused` string,
  `allowanceexceeded` string
)
PARTITIONED BY (accountid string, region string, resourcetype string)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES ('ignore.malformed.json' = 'true')
LOCATION 's3://BUCKET/PREFIX/Custom:Muster/';

MSCK REPAIR TABLE muster;

-- What is wrong, where, by problem.
SELECT problemid, count(*) AS instances, min(problem) AS example, array_join(slice(array_agg(resourceid), 1, 5), ' ') AS some
FROM muster
WHERE verdict = 'problem'
GROUP BY problemid
ORDER BY instances DESC;

-- The instances that are closest to a limit.
SELECT resourceid, cluster, region, try_cast(memoryused AS double) AS memory, try_cast(diskused AS double) AS disk,
  try_cast(hostmemoryused AS double) AS host_memory
FROM muster
WHERE greatest(coalesce(try_cast(memoryused AS double), 0), coalesce(try_cast(diskused AS double), 0),
  coalesce(try_cast(hostmemoryused AS double), 0)) > 85
ORDER BY memory DESC;

-- The instances whose agent has not written for two hours: Systems Manager collects every 30 minutes.
SELECT resourceid, cluster, region, written
FROM muster
WHERE from_iso8601_timestamp(written) < now() - INTERVAL '2' HOUR;
