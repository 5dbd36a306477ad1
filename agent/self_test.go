package agent

import "testing"

func TestWhatIsForgottenComesBack(t *testing.T) {
	before := memory()
	Forget()
	if after := memory(); after == 0 || after >= before {
		t.Errorf("%d bytes, %d before", after, before)
	}
}
