package survey

import (
	"errors"
	"fmt"

	"muster/internal/awsapi"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/base/nearest"
)

// Explained adds the exit code, the evidence and the fix to an error of Read. profile is the AWS profile of the
// environment, or empty.
func Explained(err error, profile string) error {
	var unknown *UnknownClusterError
	var nothing *NothingError
	switch {
	case err == nil:
		return nil
	case awsapi.LoginExpired(err):
		login := "aws sso login"
		if profile != "" {
			login += " --profile " + profile
		}
		return exitcode.Wrap(exitcode.Undetermined, fix.Because(errors.New("the login to AWS IAM Identity Center has expired"),
			[]string{reason(err)}, fix.Do("Log in again:", login)))
	case errors.As(err, &unknown):
		return exitcode.Wrap(exitcode.Undetermined, unknown.explained())
	case errors.As(err, &nothing):
		return exitcode.Wrap(exitcode.Undetermined, fix.Wrap(
			err,
			fix.Do(
				"Allow these actions (packaging/iam/fleet.json lists all of them) for the credentials. This shows whose they are:",
				"aws sts get-caller-identity",
			),
		))
	}
	var e *awsapi.Error
	if errors.As(err, &e) && e.Kind == awsapi.Denied {
		err = fix.Because(fmt.Errorf("%s is not allowed", e.Action), []string{e.Err.Error()},
			fix.Do("Allow "+e.Action+" for these credentials; packaging/iam/fleet.json lists all actions that muster fleet needs."))
	}
	return exitcode.Wrap(exitcode.Undetermined, err)
}

func reason(err error) string {
	var e *awsapi.Error
	if errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

func (e *UnknownClusterError) explained() error {
	list := fix.Do("Check the name and the region; this lists the clusters:", "aws ecs list-clusters --region "+e.Region)
	if e.Unlisted != nil && len(e.Names) == 0 {
		return fix.Because(e, []string{"could not look for similar names: " + e.Unlisted.Error()}, list)
	}
	if near := nearest.Hint(e.Cluster, e.Names, ""); near != "" {
		return fix.Wrap(fmt.Errorf("%w: %s", e, near), list)
	}
	return fix.Wrap(e, list)
}
