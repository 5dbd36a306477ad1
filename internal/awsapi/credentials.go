package awsapi

import "context"

// Credentials finds out whether there are credentials to sign with. It calls no API of
// AWS: on an instance the metadata service is asked, on this host.
func (c *Client) Credentials(ctx context.Context) error {
	_, err := c.credentials.Retrieve(ctx)
	return err
}
