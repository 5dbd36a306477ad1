// Package gate keeps an attribute of this container instance that says whether its
// replication ports are open. A service with the placement constraint
// attribute:muster.ports == open starts no task on an instance without that value.
//
// It sets the value to open or closed and never deletes the attribute: one IAM action is
// enough, and the value shows who closed the gate. Ports that are unknown, and permissions
// that are missing, change nothing. What makes ports open or closed is not decided here.
package gate

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// State is what is known of the ports of this instance.
type State uint8

// The states.
const (
	Undecided State = iota // the attribute stays as it is
	Open
	Closed
)

// String is the value of the attribute.
func (s State) String() string { return [...]string{"undecided", "open", "closed"}[s] }

// nameForm: letters, digits, hyphens, underscores, dots and slashes, up to 128 (ECS API
// reference, Attribute). Backslashes, which ECS also allows, are left out.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9._/-]{1,128}$`)

// CheckName refuses a name that ECS would refuse, or that belongs to ECS itself.
func CheckName(name string) error {
	switch {
	case !nameForm.MatchString(name):
		return fmt.Errorf("%+.150q is no name of an attribute: up to 128 letters, digits and ._/-, such as muster.ports", name)
	case strings.HasPrefix(name, "ecs."), strings.HasPrefix(name, "com.amazonaws."):
		return fmt.Errorf("attribute %q belongs to ECS: choose another name, such as muster.ports", name)
	}
	return nil
}

// Setter sets attributes: an awsapi.Client.
type Setter interface {
	PutAttribute(ctx context.Context, cluster, arn, name, value string) error
}

// Unconfirmed is why the attribute is not set on a container instance that may be another one.
const Unconfirmed = "ECS has not confirmed the registration of this instance"

// Self is the container instance, as ECS has confirmed that it is this one.
type Self struct{ Cluster, ARN string }

// Needed is how many looks in a row must agree before the attribute changes.
const Needed = 2

// Gate is the attribute of this instance. It is not for concurrent use.
type Gate struct {
	Name string
	API  Setter

	set     State     // the value that was set last; Undecided: none by this process
	since   time.Time // when it was set
	seen    State     // of the looks in a row
	looks   int       // how many
	looked  time.Time // the last of them
	failure string    // the reason that was reported last
	why     string    // why the attribute was not set after the last look
}

// Standing is what this process knows of the attribute.
type Standing struct {
	Set    State     // the value that it set last; Undecided: none
	Since  time.Time // when it set it
	Seen   State     // result of the last look
	Looked time.Time // zero before the first look
	Why    string    // why the attribute was not set to that result
}

// Standing returns what is known after the last look.
func (g *Gate) Standing() Standing { return Standing{g.set, g.since, g.seen, g.looked, g.why} }

// Observe takes the result of a look, and sets the attribute once enough looks in a row
// agree on another value. The line says what was done or failed; empty: nothing new.
// Again means that another look should follow soon.
func (g *Gate) Observe(ctx context.Context, is State, self Self) (line string, failed, again bool) {
	if is != g.seen {
		g.seen, g.looks = is, 0
	}
	g.looked, g.why = time.Now(), ""
	if g.looks++; is == Undecided || is == g.set {
		return "", false, false
	}
	if g.looks < Needed {
		return "", false, true
	}
	if self.ARN == "" {
		return g.fail(Unconfirmed)
	}
	if err := g.API.PutAttribute(ctx, self.Cluster, self.ARN, g.Name, is.String()); err != nil {
		return g.fail(err.Error())
	}
	g.set, g.since, g.failure = is, time.Now(), ""
	return fmt.Sprintf("set attribute %s=%s of this container instance", g.Name, is), false, false
}

// fail reports a reason once. The next look tries again.
func (g *Gate) fail(why string) (line string, failed, again bool) {
	g.why = why
	if reason, _, _ := strings.Cut(why, ":"); reason != g.failure {
		g.failure = reason
		return fmt.Sprintf("attribute %s was not set to %s and stays as it is: %s", g.Name, g.seen, why), true, false
	}
	return "", false, false
}
