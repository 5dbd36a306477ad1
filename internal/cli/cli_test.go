package cli

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/rogpeppe/go-internal/testscript"

	"muster/internal/sandbox"
	"muster/internal/sandbox/dockerd"
)

var update = flag.Bool("update", false, "rewrite the golden texts in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"muster": func() { os.Exit(Main("test", os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the binary as a user does. Each script has its own sandboxed instance, whose file system root is
// $ROOT.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup:         setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start-agent": startAgent,
			"fault":       fault,
			"fleet":       fleetWorld,
			"hides-root":  hidesRoot,
			"signaled":    signaled,
			"peers":       peers,
			"room":        room,
			"balancer":    balancer,
			"authorize":   authorize,
			"attribute":   attribute,
			"fits-schema": fitsSchema,
			"interrupted": interrupted,
			"engine":      engine,
			"await":       awaits,
			"docker":      docker,
			"impostor":    impostor,
			"signal":      signalAgent,
			"waits-for":   waitsFor,
			"published":   published,
			"once":        once,

			"credentials-asked": credentialsAsked,
			"forget-requests":   forgetRequests,
		},
	})
}

func TestWhatAnErrorQuotesCannotPassForAnotherLine(t *testing.T) {
	var out strings.Builder
	printError(&out, errors.New("first\n\n<3>forged\r\x1b[2J\u009b"))
	if want := "muster: first\n        <3>forged  [2J \n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

type (
	boxKey  struct{}
	varsKey struct{}
)

func setUp(env *testscript.Env) error {
	root := env.WorkDir + "/root"
	if err := os.MkdirAll(root+"/etc/ecs", 0o755); err != nil {
		return err
	}
	box, err := sandbox.New(sandbox.Options{
		Region: "eu-west-1", Root: root,
		Clusters: []string{"default", "prod", "staging"}, InstanceTags: map[string]string{"muster:cluster": "staging"}, TagsInIMDS: true,
		Group:  &sandbox.Group{Name: "workers", Hooks: []sandbox.Hook{{Name: "ready", Timeout: time.Hour}}},
		Stacks: map[string][]string{"web": {"Workers"}},
	})
	if err != nil {
		return err
	}
	env.Defer(box.Close)
	env.Values[boxKey{}] = box
	env.Values[engineKey{}] = new(*dockerd.Engine)
	env.Vars = append(env.Vars, "ROOT="+root, "MUSTER_CONSOLE=", "NO_COLOR=1")
	env.Vars = append(env.Vars, box.Environ()...)
	env.Values[varsKey{}] = env.Vars
	return nil
}

func box(ts *testscript.TestScript) *sandbox.Sandbox {
	return ts.Value(boxKey{}).(*sandbox.Sandbox)
}

// start-agent starts the ECS agent, as systemd would.
func startAgent(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(box(ts).StartAgent(context.Background()))
}

// fault denied ecs:DescribeClusters | imds-down | imds-up | no-credentials | none injects or clears a fault.
func fault(ts *testscript.TestScript, _ bool, args []string) {
	switch args[0] {
	case "denied":
		service, action, _ := strings.Cut(args[1], ":")
		box(ts).Inject(sandbox.AccessDenied(service, action))
	case "imds-down":
		box(ts).IMDSDown()
	case "imds-up":
		ts.Check(box(ts).IMDSUp())
	case "no-credentials":
		box(ts).Inject(sandbox.Fault{Service: sandbox.IMDS, Action: "/latest/meta-data/iam", Status: http.StatusNotFound})
	case "none":
		box(ts).ClearFaults()
	default:
		ts.Fatalf("unknown fault %s", args[0])
	}
}

// peers adds two peers with another security group than this instance's. This instance admits them on Ignite's
// communication ports only up to 47105.
func peers(ts *testscript.TestScript, _ bool, _ []string) {
	b := box(ts)
	b.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-cache", Rules: []sandbox.Rule{
		{Protocol: "tcp", First: 47500, Last: 47599, CIDR: "10.0.0.0/16"},
		{Protocol: "tcp", First: 47100, Last: 47105, Group: "sg-batch"}, {Protocol: "tcp", First: 47100, Last: 47109, Group: "sg-cache"},
		sandbox.AllEgress(),
	}})
	b.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-batch",
		Rules: []sandbox.Rule{{Protocol: "tcp", First: 47000, Last: 47999, CIDR: "10.0.0.0/16"}, sandbox.AllEgress()}})
	b.EditInstance("i-0123456789abcdef0", func(i *sandbox.Instance) { i.Interfaces[0].Groups = []string{"sg-cache"} })
	b.AddPeer("prod", "i-0aaaaaaaaaaaaaaa1", sandbox.Interface{ID: "eni-1", Addrs: []string{"10.0.1.21"}, Groups: []string{"sg-cache"}})
	b.AddPeer("prod", "i-0aaaaaaaaaaaaaaa2", sandbox.Interface{ID: "eni-2", Addrs: []string{"10.0.1.22"}, Groups: []string{"sg-batch"}})
}

// balancer adds a load balancer. sg-cache admits it on 8080 and on some of the ports that Docker assigns for hostPort
// 0. sg-batch does not admit it.
func balancer(ts *testscript.TestScript, _ bool, _ []string) {
	b := box(ts)
	b.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-balancer", Rules: []sandbox.Rule{sandbox.AllEgress()}})
	b.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-web", Rules: []sandbox.Rule{
		{Protocol: "tcp", First: 8080, Last: 8080, Group: "sg-balancer"}, {Protocol: "tcp", First: 32768, Last: 40000, Group: "sg-balancer"},
		{Protocol: "tcp", First: 8080, Last: 8080, CIDR: "10.0.1.201/32"},
	}})
	b.EditInstance("i-0123456789abcdef0", func(i *sandbox.Instance) { i.Interfaces[0].Groups = []string{"sg-cache", "sg-web"} })
	b.EditInstance("i-0aaaaaaaaaaaaaaa1", func(i *sandbox.Instance) { i.Interfaces[0].Groups = []string{"sg-cache", "sg-web"} })
	for _, i := range []sandbox.Interface{
		{ID: "eni-balancer", Addrs: []string{"10.0.1.200"}, Groups: []string{"sg-balancer"}, Description: "ELB app/web/50dc6c495c0c9188",
			Requester: "amazon-elb"},
		{ID: "eni-edge", Addrs: []string{"10.0.1.201"}, Type: "network_load_balancer",
			Description: "ELB net/edge/60aa13c3db5f9ce7"},
		{ID: "eni-fake", Addrs: []string{"10.0.1.202"}, Groups: []string{"sg-balancer"}, Description: "ELB fake"},
		{ID: "eni-far", Addrs: []string{"10.9.1.200"}, VPC: "vpc-far", Subnet: "subnet-far", Description: "ELB far", Requester: "amazon-elb"},
	} {
		b.AddInterface(i)
	}
}

// authorize executes the fix that muster printed.
func authorize(ts *testscript.TestScript, _ bool, _ []string) {
	b := box(ts)
	_, err := ec2.NewFromConfig(b.AWSConfig()).AuthorizeSecurityGroupIngress(context.Background(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: aws.String("sg-cache"), IpPermissions: []types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(47106),
			ToPort:           aws.Int32(47109),
			UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String("sg-batch")}}}},
	})
	ts.Check(err)
}

// attribute CLUSTER INSTANCE NAME VALUE: the container instance has the attribute.
func attribute(ts *testscript.TestScript, _ bool, args []string) {
	for _, ci := range box(ts).ContainerInstances(args[0]) {
		if ci.EC2InstanceID == args[1] && slices.Contains(ci.Attributes, sandbox.Attribute{Name: args[2], Value: args[3]}) {
			return
		}
	}
	ts.Fatalf("%s=%s is not set: %+v", args[2], args[3], box(ts).ContainerInstances(args[0]))
}

// hides-root FILE replaces the script's own paths and ports in a captured text, so that it can be compared.
func hidesRoot(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	text = strings.ReplaceAll(text, ts.Getenv("ROOT"), "")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

// signaled STATUS HOOKRESULT checks which signals the stack and the launch hook received. A hyphen means none.
func signaled(ts *testscript.TestScript, _ bool, args []string) {
	signal, hook := "-", box(ts).Hook("ready").Result
	if all := box(ts).Signals("web"); len(all) > 0 {
		signal = all[0].Status
	}
	if hook == "" {
		hook = "-"
	}
	if signal != args[0] || hook != args[1] {
		ts.Fatalf("signaled %s and %s, want %s", signal, hook, args)
	}
}

// credentials-asked N checks that the role's credentials were read N times since the last of these commands.
func credentialsAsked(ts *testscript.TestScript, neg bool, args []string) {
	const role = "/latest/meta-data/iam/security-credentials/"
	asked := 0
	for _, r := range box(ts).LocalRequests() {
		if r.Service == sandbox.IMDS && len(r.Path) > len(role) && strings.HasPrefix(r.Path, role) {
			asked++
		}
	}
	if strconv.Itoa(asked) != args[0] {
		ts.Fatalf("asked %d times for credentials, want %s", asked, args[0])
	}
	forgetRequests(ts, neg, nil)
}

// forget-requests clears the log of requests.
func forgetRequests(ts *testscript.TestScript, _ bool, _ []string) { box(ts).ResetCalls() }

// sandboxed starts an instance on loopback with the cluster prod, and sets the environment so that muster uses it.
func sandboxed(t *testing.T) (root string, box *sandbox.Sandbox) {
	t.Helper()
	root = t.TempDir()
	box, err := sandbox.New(sandbox.Options{Root: root, Clusters: []string{"prod"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	for _, entry := range box.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	return root, box
}
