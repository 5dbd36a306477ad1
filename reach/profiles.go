package reach

// DefaultProfile is the profile that is checked if the user selects none.
const DefaultProfile = "ignite2"

// Profile lists the ports of a well-known server that its members must be able to reach on each other. Products define
// the size of a port range differently, so the table contains inclusive first and last ports instead of a formula.
type Profile struct {
	Name string
	// Source is the file or vendor page that documents the ports. It also covers the optional roles, unless a comment
	// names another source.
	Source string
	// Needs are the ports that members need to reach on each other. Client ports are optional roles instead, because it
	// is fine if they are closed between members.
	Needs []Need
	Roles []Role // optional, selected as name+role, or name:role alone
	// Beside lists other ports that the product listens on. They are used only to detect collisions.
	Beside  []Need
	Warning string // why this profile may not work as expected
}

// Role is an optional part of a profile.
type Role struct {
	Name  string
	Needs []Need
}

// Profiles returns all profiles. The default profile is the first.
func Profiles() []Profile {
	all := append(igniteProfiles(), ignite2Oddities()...)
	all = append(all, gridProfiles()...)
	all = append(all, storeProfiles()...)
	all = append(all, databaseProfiles()...)
	all = append(all, brokerProfiles()...)
	return append(all, gossipProfiles()...)
}

func tcp(role string, first, last uint16) Need {
	return Need{Protocol: TCP, Ports: Range{first, last}, Role: role}
}

func udp(role string, port uint16) Need {
	return Need{Protocol: UDP, Ports: Range{port, port}, Role: role}
}

func udpRange(role string, first, last uint16) Need {
	return Need{Protocol: UDP, Ports: Range{first, last}, Role: role}
}

// gossip returns a need for UDP between two fixed ports. memberlist sends from its listening port
// (NetTransport.WriteTo), so replies go to that port and not to an ephemeral port.
func gossip(role string, port uint16) Need {
	n := udp(role, port)
	n.Reply = n.Ports
	return n
}

func served(n Need) Need {
	n.Flow = Inbound
	return n
}

// client returns an optional role for ports that clients connect to.
func client(name string, needs ...Need) Role {
	for i := range needs {
		needs[i] = served(needs[i])
	}
	return Role{name, needs}
}

func ignite2(name string) Profile {
	return Profile{
		Name: name,
		Source: "Ignite 2.16.0: TcpDiscoverySpi DFLT_PORT 47500, DFLT_PORT_RANGE 100, last port+range-1; " +
			"TcpCommunicationSpi DFLT_PORT 47100, DFLT_PORT_RANGE 100",
		Needs: []Need{tcp("discovery", 47500, 47599), tcp("communication", 47100, 47199)},
		Roles: []Role{
			// ClientConnectorConfiguration.DFLT_PORT is 10800 and DFLT_PORT_RANGE is 100. The loop in
			// ClientListenerProcessor includes port+range.
			client("thin", tcp("thin client", 10800, 10900)),
			// ConnectorConfiguration.DFLT_TCP_PORT is 11211 and DFLT_PORT_RANGE is 100.
			client("rest", tcp("REST", 11211, 11310)),
			// Jetty in ignite-rest-http uses 8080 and the same range.
			client("jetty", tcp("Jetty REST", 8080, 8179)),
		},
	}
}

func igniteProfiles() []Profile {
	return []Profile{
		ignite2("ignite2"),
		ignite2("gridgain"), // GridGain 8 is Ignite 2 with plugins
		{
			Name:   "ignite2-compact",
			Source: "Ignite 2.16.0, TCP/IP discovery: \"1.2.3.5:47500..47509\", where the node sets localPortRange to match",
			Needs:  []Need{tcp("discovery", 47500, 47509), tcp("communication", 47100, 47109)},
		},
		{
			Name:   "ignite3",
			Source: "Ignite 3.1: NetworkConfigurationSchema, ClientConnectorConfigurationSchema, RestConfigurationSchema: single ports, no ranges",
			Needs:  []Need{tcp("network", 3344, 3344)},
			Roles: []Role{client("client", tcp("client", 10800, 10800)),
				client("rest", tcp("REST", 10300, 10300), tcp("REST TLS", 10400, 10400))},
		},
	}
}

// noMulticast is the warning of profiles that use multicast discovery.
const noMulticast = "a VPC carries multicast only through a transit gateway multicast domain"

// ignite2Oddities returns profiles for less common ports of an Ignite 2 node.
func ignite2Oddities() []Profile {
	return []Profile{
		{
			Name:    "ignite2-multicast",
			Source:  "Ignite 2.16.0: TcpDiscoveryMulticastIpFinder DFLT_MCAST_PORT 47400 on 228.1.2.4",
			Needs:   []Need{udp("multicast finder", 47400)},
			Warning: noMulticast + ": give Ignite the S3, load-balancer or static IP finder",
		},
		{
			// Shared memory is for nodes on one host: IpcSharedMemoryServerEndpoint always binds to the loopback address.
			Name: "ignite2-legacy",
			Source: "Ignite 1.4.0: TcpCommunicationSpi DFLT_SHMEM_PORT 48100 (off in 2.0.0 and 2.16.0); " +
				"Ignite 2.16.0: IgniteConfiguration DFLT_TIME_SERVER_PORT_BASE 31100, range 100; ignite.sh, GridJmxPortFinder 49112",
			Needs:  []Need{udpRange("time server", 31100, 31199), served(tcp("JMX", 49112, 49112))},
			Beside: []Need{tcp("shared memory", 48100, 48199)},
		},
	}
}

func gridProfiles() []Profile {
	return []Profile{
		{
			Name:   "hazelcast",
			Source: "Hazelcast 5: NetworkConfig DEFAULT_PORT 5701, port-count 100",
			Needs:  []Need{tcp("member", 5701, 5800)},
		},
		{
			Name:    "hazelcast-multicast",
			Source:  "Hazelcast 5: MulticastConfig DEFAULT_MULTICAST_PORT 54327 on 224.2.2.3, off by default",
			Needs:   []Need{udp("multicast join", 54327)},
			Warning: noMulticast + ": give Hazelcast the AWS discovery or a list of members",
		},
		{
			Name: "jgroups",
			Source: "JGroups 5.5: tcp.xml, bind_port 7800; TPConfig, port_range 10, last port+range; " +
				"FD_SOCK2, offset 100, port_range 3 from the port in use",
			Needs: []Need{tcp("transport", 7800, 7810), tcp("FD_SOCK2", 7900, 7912)},
		},
		{
			Name: "infinispan",
			Source: "Infinispan 14 to 16: default-jgroups-ec2.xml, bind_port 7800, port_range 10; " +
				"FD_SOCK2, offset 50000 (before 14 it is FD_SOCK, on any port)",
			Needs: []Need{tcp("transport", 7800, 7810), tcp("FD_SOCK2", 57800, 57812)},
		},
		{
			Name: "tomcat-cluster",
			Source: "Tomcat 11: tribes/transport/ReceiverBase.java, port 4000, autoBind 100, last port+autoBind-1; " +
				"server.xml, HTTP connector 8080",
			Needs:  []Need{tcp("receiver", 4000, 4099)},
			Beside: []Need{tcp("HTTP connector", 8080, 8080)},
			Warning: noMulticast + ": without one, tomcat's default membership (228.0.0.4:45564) finds no member; " +
				"list the members in StaticMembershipService",
		},
		{
			// The cluster port applies to well-known addresses and to multicast. A local port of 0 is an ephemeral port.
			Name:   "coherence",
			Source: "Coherence, commit 01923bd82706: tangosol-coherence.xml, coherence.clusterport 7574, coherence.localport 0",
			Needs:  []Need{tcp("cluster port", 7574, 7574), udp("cluster port", 7574)},
			Warning: "members also reach each other on coherence.localport, which is an ephemeral port by default: set it, and add it as " +
				"tcp and udp",
		},
		{
			Name: "terracotta", Source: "Terracotta Server 10, Port Configuration: tsa-port 9410, tsa-group-port 9430",
			Needs: []Need{tcp("server", 9410, 9410), tcp("group", 9430, 9430)},
		},
		{
			Name: "pekko",
			Source: "Pekko and Pekko Management 1.0 to 2.0: reference.conf, artery.canonical.port 17355 and management.http.port 7626 " +
				"(25520 and 8558 in snapshots before 1.0)",
			Needs: []Need{tcp("Artery", 17355, 17355)}, Roles: []Role{{"management", []Need{tcp("management", 7626, 7626)}}},
		},
		{
			Name:   "akka",
			Source: "Akka 2.10.9 and Akka Management 1.6.5: reference.conf, artery.canonical.port 25520 and management.http.port 8558",
			Needs:  []Need{tcp("Artery", 25520, 25520)}, Roles: []Role{{"management", []Need{tcp("management", 8558, 8558)}}},
		},
	}
}

// cassandra returns the profile for cassandra.yaml, which ScyllaDB uses too. The JMX port from cassandra-env.sh listens
// on loopback by default. Before Cassandra 4, TLS between nodes used a separate port.
func cassandra(name, source string, native ...Need) Profile {
	return Profile{Name: name, Source: source, Needs: []Need{tcp("storage", 7000, 7000)},
		Roles: []Role{{"tls", []Need{tcp("storage TLS", 7001, 7001)}}, client("client", native...), client("jmx", tcp("JMX", 7199, 7199))}}
}

func elasticsearch(name, source string) Profile {
	return Profile{
		Name:   name,
		Source: source,
		Needs:  []Need{tcp("transport", 9300, 9400)},
		Roles:  []Role{client("http", tcp("HTTP", 9200, 9300))},
	}
}

func redis(name, source string) Profile {
	return Profile{Name: name, Source: source, Needs: []Need{tcp("data", 6379, 6379), tcp("cluster bus", 16379, 16379)}}
}

func storeProfiles() []Profile {
	return []Profile{
		cassandra(
			"cassandra",
			"Cassandra 5.0: cassandra.yaml, storage_port, ssl_storage_port, native_transport_port",
			tcp("native transport", 9042, 9042),
		),
		cassandra("scylla", "ScyllaDB 2026.2.5: scylla.yaml, the same ports and native_shard_aware_transport_port: 19042",
			tcp("native transport", 9042, 9042), tcp("shard-aware transport", 19042, 19042)),
		elasticsearch("elasticsearch", "Elasticsearch 8.17 guide, networking: transport.port, http.port"),
		elasticsearch("opensearch", "OpenSearch 3.5, network settings: transport.port, http.port"),
		redis("redis-cluster", "Redis 7.4: redis.conf, port and cluster-port (10000 above)"),
		redis("valkey", "Valkey 8.0: valkey.conf, port and cluster-port (10000 above)"),
		{
			Name: "redis-sentinel", Source: "Redis 7.4: sentinel.conf, port 26379; redis.conf, port 6379",
			Needs: []Need{tcp("sentinel", 26379, 26379), tcp("data", 6379, 6379)},
		},
		{
			Name:   "zookeeper",
			Source: "ZooKeeper 3.9: zoo_sample.cfg, clientPort; getting started, server.x=host:2888:3888",
			Needs: []Need{
				tcp("follower", 2888, 2888),
				tcp("election", 3888, 3888),
			},
			Roles: []Role{client("client", tcp("client", 2181, 2181))},
		},
		{
			Name: "etcd", Source: "etcd 3.7: server/embed/config.go, DefaultListenPeerURLs, DefaultListenClientURLs",
			Needs: []Need{tcp("peer", 2380, 2380)}, Roles: []Role{client("client", tcp("client", 2379, 2379))},
		},
		{
			Name: "aerospike", Source: "Aerospike 8.0 and 8.1, network configuration: fabric, mesh heartbeat, service, info (8.1: admin)",
			Needs: []Need{tcp("fabric", 3001, 3001), tcp("mesh heartbeat", 3002, 3002)},
			Roles: []Role{client("client", tcp("service", 3000, 3000)), client("info", tcp("info", 3003, 3003))},
		},
	}
}

func databaseProfiles() []Profile {
	return []Profile{
		{
			Name: "galera", Source: "Percona XtraDB Cluster 8.0, firewall: SST, group replication, IST; udp 4567 is for multicast",
			Needs: []Need{tcp("SST", 4444, 4444), tcp("replication", 4567, 4567), tcp("IST", 4568, 4568)},
			Roles: []Role{client("client", tcp("MySQL", 3306, 3306)), {"multicast", []Need{udp("replication multicast", 4567)}}},
		},
		{
			// For distributed recovery, members connect to the donor's SQL port.
			Name:   "mysql-group",
			Source: "MySQL 8, Group Replication: group_replication_local_address 33061; distributed recovery over port 3306",
			Needs:  []Need{tcp("group communication", 33061, 33061), tcp("recovery", 3306, 3306)},
		},
		{
			Name: "patroni", Source: "Patroni 4.1.4: postgres0.yml, restapi.listen 8008, postgresql.listen 5432",
			Needs: []Need{tcp("REST API", 8008, 8008), tcp("PostgreSQL", 5432, 5432)},
		},
		{
			Name: "clickhouse",
			Source: "ClickHouse, commit 001409ce7250: programs/server/config.xml, interserver_http_port 9009, " +
				"tcp_port 9000 (distributed queries)",
			Needs: []Need{tcp("interserver", 9009, 9009), tcp("native", 9000, 9000)},
		},
		{
			Name: "clickhouse-keeper",
			Source: "ClickHouse, commit 19b5394be855: programs/keeper/keeper_config.xml, raft_configuration port 9234, " +
				"tcp_port 9181",
			Needs: []Need{tcp("raft", 9234, 9234)}, Roles: []Role{client("client", tcp("client", 9181, 9181))},
		},
		{
			Name:   "mongodb",
			Source: "MongoDB 6.0 manual, default ports: mongod 27017, shardsvr 27018, configsvr 27019",
			Needs:  []Need{tcp("mongod", 27017, 27017)},
			Roles:  []Role{{"shard", []Need{tcp("shard server", 27018, 27018)}}, {"config", []Need{tcp("config server", 27019, 27019)}}},
		},
		{Name: "cockroachdb", Source: "CockroachDB 24.3: cockroach start --listen-addr", Needs: []Need{tcp("node", 26257, 26257)}},
	}
}

func brokerProfiles() []Profile {
	return []Profile{
		{
			// Streams replicate over separate ports, which a cluster without streams does not need.
			Name: "rabbitmq", Source: "RabbitMQ 4.1 networking guide: epmd, inter-node, CLI tools, stream replication",
			Needs: []Need{tcp("epmd", 4369, 4369), tcp("inter-node", 25672, 25672)},
			Roles: []Role{{"stream", []Need{tcp("stream replication", 6000, 6500)}}, {"cli", []Need{tcp("CLI tools", 35672, 35682)}}},
		},
		{
			Name: "kafka", Source: "Kafka 3.8: config/kraft/server.properties, listeners 9092 and 9093",
			Needs: []Need{tcp("broker", 9092, 9092), tcp("controller", 9093, 9093)},
		},
		{Name: "bookkeeper", Source: "BookKeeper 4.18: conf/bk_server.conf, bookiePort=3181", Needs: []Need{tcp("bookie", 3181, 3181)}},
		{Name: "pulsar", Source: "Pulsar 4.0, broker configuration: brokerServicePort", Needs: []Need{tcp("broker", 6650, 6650)}},
		{
			Name: "nats", Source: "NATS 2.10: server/const.go, DEFAULT_PORT 4222, DEFAULT_HTTP_PORT 8222; the guide's cluster port 6222",
			Needs: []Need{tcp("route", 6222, 6222)},
			Roles: []Role{client("client", tcp("client", 4222, 4222)), client("monitoring", tcp("monitoring", 8222, 8222))},
		},
	}
}

func gossipProfiles() []Profile {
	return []Profile{
		{
			Name: "consul", Source: "Consul 1.16, required ports",
			Needs: []Need{tcp("RPC", 8300, 8300), tcp("LAN gossip", 8301, 8301), gossip("LAN gossip", 8301)},
			Roles: []Role{{"wan", []Need{tcp("WAN gossip", 8302, 8302), gossip("WAN gossip", 8302)}},
				client("http", tcp("HTTP", 8500, 8500)), client("dns", tcp("DNS", 8600, 8600), udp("DNS", 8600))},
		},
		{
			Name: "nomad", Source: "Nomad 1.10, installation requirements: RPC, Serf, HTTP",
			Needs: []Need{tcp("RPC", 4647, 4647), tcp("Serf", 4648, 4648), gossip("Serf", 4648)},
			Roles: []Role{client("http", tcp("HTTP", 4646, 4646))},
		},
		{
			// A new node joins through the API of the leader.
			Name: "vault", Source: "Vault 1.19, TCP listener: address 8200, cluster_address 8201",
			Needs: []Need{tcp("API", 8200, 8200), tcp("cluster", 8201, 8201)},
		},
		{Name: "memberlist", Source: "memberlist 0.6: config.go, BindPort", Needs: []Need{tcp("gossip", 7946, 7946), gossip("gossip", 7946)}},
	}
}
