package awsapi

import "testing"

// The description is from the ECS developer guide, "AWSVPC network mode".
func TestTheInterfaceOfATaskIsKnownByItsDescription(t *testing.T) {
	for text, want := range map[string]bool{
		"arn:aws:ecs:us-west-2:111122223333:attachment/a1b2c3d4-5678-90ab-cdef": true,
		"arn:aws-cn:ecs:cn-north-1:111122223333:attachment/a1b2c3d4":            true,
		"ELB app/web/50dc6c495c0c9188":                                          false,
		"Primary network interface":                                             false,
		"":                                                                      false,
	} {
		if isTask(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
