package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Checkpoint is the state that the agent keeps in /var/lib/ecs/data/agent.db.
type Checkpoint struct {
	Cluster    string // as configured: name or ARN
	InstanceID string // of the EC2 instance
	ARN        string // of the container instance
	Zone       string
}

// WriteCheckpoint writes agent.db under root, as left by an earlier agent: baked into the image, or with another
// cluster.
func WriteCheckpoint(root string, c Checkpoint) error {
	db, err := openCheckpoint(root)
	if err != nil {
		return err
	}
	return errors.Join(db.save(c), db.close())
}

// checkpoint is an open agent.db. It is locked while open, like that of the real agent.
type checkpoint struct {
	db    *bolt.DB
	saved Checkpoint
}

func openCheckpoint(root string) (*checkpoint, error) {
	path := filepath.Join(root, "var/lib/ecs/data/agent.db")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("creating the agent's data directory: %w", err)
	}
	// NoSync, because a checkpoint in a sandbox need not survive a power failure.
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second, NoSync: true})
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	c := &checkpoint{db: db}
	if err := c.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("reading %s: %w", path, err), db.Close())
	}
	return c, nil
}

// metadataBucket and the keys come from agent/data/{client,metadata_client}.go; values are JSON strings (ecs-agent/data
// PutObject).
const metadataBucket = "metadata"

func (c *Checkpoint) fields() map[string]*string {
	return map[string]*string{
		"cluster-name":           &c.Cluster,
		"ec2-instance-id":        &c.InstanceID,
		"container-instance-arn": &c.ARN,
		"availability-zone":      &c.Zone,
	}
}

func (c *checkpoint) load() error {
	return c.db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(metadataBucket)) // like the agent (agent/data/client.go, setup)
		if err != nil {
			return err
		}
		for key, into := range c.saved.fields() {
			if raw := b.Get([]byte(key)); raw != nil {
				if err := json.Unmarshal(raw, into); err != nil {
					return fmt.Errorf("key %s: %w", key, err)
				}
			}
		}
		return nil
	})
}

func (c *checkpoint) save(saved Checkpoint) error {
	c.saved = saved
	return c.db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(metadataBucket))
		if err != nil {
			return err
		}
		version := agentVersion
		fields := saved.fields()
		fields["agent-version"] = &version
		for key, value := range fields {
			raw, _ := json.Marshal(*value) // a string
			if err := b.Put([]byte(key), raw); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *checkpoint) close() error { return c.db.Close() }
