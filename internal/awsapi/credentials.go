package awsapi

import "context"

// Credentials returns an error if there are no credentials for signing requests. It calls no AWS API. On an instance it
// requests them from the metadata service.
func (c *Client) Credentials(ctx context.Context) error {
	_, err := c.credentials.Retrieve(ctx)
	return err
}
