package reach

// DefaultProfile is what is checked when nobody says otherwise.
const DefaultProfile = "ignite2"

// Profile is a well-known server with the ports that its members must reach on
// each other. Every product counts "range N" in its own way, so the table holds
// inclusive first and last ports and no formula.
type Profile struct {
	Name  string
	Needs []Need
	Roles []Role // optional, selected as name+role
	// Beside are ports that the product listens on besides, for collisions only.
	Beside  []Need
	Warning string // why selecting it deserves a second thought
}

// Role is an optional part of a profile.
type Role struct {
	Name  string
	Needs []Need
}

// Profiles returns the table, the default first.
func Profiles() []Profile {
	all := append(igniteProfiles(), ignite2Oddities()...)
	all = append(all, gridProfiles()...)
	all = append(all, storeProfiles()...)
	return append(all, gossipProfiles()...)
}

func tcp(role string, first, last uint16) Need {
	return Need{Protocol: TCP, Ports: Range{first, last}, Role: role}
}

func udp(role string, port uint16) Need {
	return Need{Protocol: UDP, Ports: Range{port, port}, Role: role}
}

// gossip is udp between two bound ports: memberlist sends from its listener
// (NetTransport.WriteTo), so answers go to that port and not to an ephemeral one.
func gossip(role string, port uint16) Need {
	n := udp(role, port)
	n.Reply = n.Ports
	return n
}

func served(n Need) Need {
	n.Flow = Inbound
	return n
}

func igniteProfiles() []Profile {
	return []Profile{
		{
			// TcpDiscoverySpi.DFLT_PORT 47500, DFLT_PORT_RANGE 100, last = port+range-1.
			// TcpCommunicationSpi.DFLT_PORT 47100, DFLT_PORT_RANGE 100.
			Name:  "ignite2",
			Needs: []Need{tcp("discovery", 47500, 47599), tcp("communication", 47100, 47199)},
			Roles: []Role{
				// ClientConnectorConfiguration.DFLT_PORT 10800, DFLT_PORT_RANGE 100.
				{"thin", []Need{served(tcp("thin client", 10800, 10899))}},
				// ConnectorConfiguration.DFLT_TCP_PORT 11211, DFLT_PORT_RANGE 100.
				{"rest", []Need{served(tcp("REST", 11211, 11310))}},
				// The Jetty of ignite-rest-http: 8080, shifted by the same range.
				{"jetty", []Need{served(tcp("Jetty REST", 8080, 8179))}},
			},
		},
		{
			// "1.2.3.4:47500..47509" of the IP finder's javadoc and guide, where the node
			// sets localPortRange to match.
			Name:  "ignite2-compact",
			Needs: []Need{tcp("discovery", 47500, 47509), tcp("communication", 47100, 47109)},
		},
		{
			// NetworkConfigurationSchema, ClientConnectorConfigurationSchema,
			// RestConfigurationSchema and its ssl: single ports, no ranges.
			Name: "ignite3",
			Needs: []Need{tcp("network", 3344, 3344), tcp("client", 10800, 10800),
				tcp("REST", 10300, 10300), tcp("REST TLS", 10400, 10400)},
		},
	}
}

// ignite2Oddities are what an Ignite 2 node may open besides.
func ignite2Oddities() []Profile {
	return []Profile{
		{
			// TcpDiscoveryMulticastIpFinder.DFLT_MCAST_PORT 47400 on 228.1.2.4.
			Name:    "ignite2-multicast",
			Needs:   []Need{udp("multicast finder", 47400)},
			Warning: "a VPC carries multicast only through a transit gateway multicast domain: give Ignite the S3, load-balancer or static IP finder",
		},
		{
			// IpcSharedMemoryServerEndpoint 48100, IgniteConfiguration.DFLT_TIME_SERVER_PORT
			// 31100, the JMX port of ignite.sh 49112.
			Name: "ignite2-legacy",
			Needs: []Need{tcp("shared memory", 48100, 48199), tcp("time server", 31100, 31200),
				served(tcp("JMX", 49112, 49112))},
		},
	}
}

func gridProfiles() []Profile {
	return []Profile{
		// NetworkConfig.DEFAULT_PORT 5701, port-count 100.
		{Name: "hazelcast", Needs: []Need{tcp("member", 5701, 5800)}},
		// TPConfig bind_port 7800 with port_range 10; FD_SOCK2 offset 100 on it
		// (tcp-default.xml).
		{Name: "jgroups", Needs: []Need{tcp("transport", 7800, 7810), tcp("FD_SOCK2", 7900, 7913)}},
		// default-jgroups-ec2.xml: the same transport, FD_SOCK2 offset 50000.
		{Name: "infinispan", Needs: []Need{tcp("transport", 7800, 7810), tcp("FD_SOCK2", 57800, 57813)}},
		{
			// ReceiverBase.port 4000, autoBind 100. 8080 is the HTTP connector of server.xml.
			Name:   "tomcat-cluster",
			Needs:  []Need{tcp("receiver", 4000, 4099)},
			Beside: []Need{tcp("HTTP connector", 8080, 8080)},
			Warning: "a VPC carries multicast only through a transit gateway multicast domain: without one, tomcat's default " +
				"membership (228.0.0.4:45564) finds no member; list the members in StaticMembershipService",
		},
		// pekko.remote.artery.canonical.port and akka's, reference.conf.
		{Name: "pekko", Needs: []Need{tcp("Artery", 17355, 17355)}},
		{Name: "akka", Needs: []Need{tcp("Artery", 25520, 25520)}},
	}
}

func storeProfiles() []Profile {
	return []Profile{
		{
			// cassandra.yaml: storage_port, ssl_storage_port, native_transport_port;
			// JMX_PORT of cassandra-env.sh, which listens on loopback by default.
			Name: "cassandra",
			Needs: []Need{tcp("storage", 7000, 7000), tcp("storage TLS", 7001, 7001),
				tcp("native transport", 9042, 9042)},
			Roles: []Role{{"jmx", []Need{tcp("JMX", 7199, 7199)}}},
		},
		// transport.port and http.port of the guide's networking settings.
		{Name: "elasticsearch", Needs: []Need{tcp("transport", 9300, 9400), tcp("HTTP", 9200, 9300)}},
		// redis.conf: port 6379, cluster bus 10000 above.
		{Name: "redis-cluster", Needs: []Need{tcp("data", 6379, 6379), tcp("cluster bus", 16379, 16379)}},
		// zoo_sample.cfg clientPort 2181; the ensemble's customary 2888 and 3888.
		{Name: "zookeeper", Needs: []Need{tcp("client", 2181, 2181), tcp("follower", 2888, 2888), tcp("election", 3888, 3888)}},
		// embed/config.go DefaultListenClientURLs, DefaultListenPeerURLs.
		{Name: "etcd", Needs: []Need{tcp("client", 2379, 2379), tcp("peer", 2380, 2380)}},
		{
			// Networking guide: epmd, inter-node, and the range of the CLI tools.
			Name:  "rabbitmq",
			Needs: []Need{tcp("epmd", 4369, 4369), tcp("inter-node", 25672, 25672)},
			Roles: []Role{{"cli", []Need{tcp("CLI tools", 35672, 35682)}}},
		},
		{
			// Percona XtraDB Cluster, firewall: client, SST, group replication, IST.
			Name: "galera",
			Needs: []Need{tcp("MySQL", 3306, 3306), tcp("SST", 4444, 4444), tcp("replication", 4567, 4567),
				udp("replication", 4567), tcp("IST", 4568, 4568)},
		},
		// config/kraft: listeners 9092, controller 9093.
		{Name: "kafka", Needs: []Need{tcp("broker", 9092, 9092), tcp("controller", 9093, 9093)}},
		// Manual, default ports.
		{Name: "mongodb", Needs: []Need{tcp("mongod", 27017, 27017)}},
		// cockroach start --listen-addr.
		{Name: "cockroachdb", Needs: []Need{tcp("node", 26257, 26257)}},
	}
}

func gossipProfiles() []Profile {
	return []Profile{
		{
			// Developer docs, required ports.
			Name: "consul",
			Needs: []Need{tcp("RPC", 8300, 8300), tcp("LAN gossip", 8301, 8301), gossip("LAN gossip", 8301),
				tcp("WAN gossip", 8302, 8302), gossip("WAN gossip", 8302), tcp("HTTP", 8500, 8500),
				tcp("DNS", 8600, 8600), udp("DNS", 8600)},
		},
		// memberlist config.go BindPort.
		{Name: "memberlist", Needs: []Need{tcp("gossip", 7946, 7946), gossip("gossip", 7946)}},
		// server/const.go DEFAULT_PORT, the routes of the guide, DEFAULT_HTTP_PORT.
		{Name: "nats", Needs: []Need{tcp("client", 4222, 4222), tcp("route", 6222, 6222), tcp("monitoring", 8222, 8222)}},
	}
}
