package cli

import (
	"context"
	"sync"

	"muster/internal/awsapi"
)

// clients makes one AWS client a region for a whole command: its credentials are read
// once, and it counts all calls of the command.
type clients struct {
	mu       sync.Mutex
	byRegion map[string]*awsapi.Client
}

func (c *clients) of(ctx context.Context, region string) (*awsapi.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if api, made := c.byRegion[region]; made {
		return api, nil
	}
	api, err := awsapi.New(ctx, region, imdsEndpoint())
	if err != nil {
		return nil, err
	}
	if c.byRegion == nil {
		c.byRegion = map[string]*awsapi.Client{}
	}
	c.byRegion[region] = api
	return api, nil
}
