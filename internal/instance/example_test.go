package instance_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"muster/internal/config"
	"muster/internal/instance"
)

// A command creates one Host and opens the instance. This also works outside EC2. NoIdentity then says why the identity
// is unknown.
func Example() {
	_ = os.Setenv("AWS_EC2_METADATA_DISABLED", "true") // so that this example runs anywhere
	defer func() { _ = os.Unsetenv("AWS_EC2_METADATA_DISABLED") }()
	flags := map[string]string{"MUSTER_ROOT": "/nowhere", "MUSTER_CLUSTER": "prod"}
	host := instance.New(func() (config.Set, error) { return config.Gather(flags) })
	defer host.Close()

	i, err := host.Open(context.Background(), instance.Glance)
	if err != nil {
		log.Fatal(err) // the settings are invalid
	}
	fmt.Println("cluster:", i.Cluster())
	fmt.Println("from:", i.Config.Origin("MUSTER_CLUSTER"))
	fmt.Println("identity known:", i.NoIdentity == nil)
	// Output:
	// cluster: prod
	// from: flag --cluster
	// identity known: false
}
