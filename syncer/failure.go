package syncer

import (
	"fmt"

	"crontopus.dev/crontopus"
)

// failure is why a sync brought nothing into effect, in the words of a source's status. It
// travels from the child process as JSON.
type failure struct {
	Reason   string              `json:"reason"`  // a source's condition reason
	Stalled  bool                `json:"stalled"` // a person must act: trying again would not help
	Message  string              `json:"message"`
	Unread   bool                `json:"unread,omitempty"`   // it is about the server: no revision was looked at
	Problems []crontopus.Problem `json:"problems,omitempty"` // of the content that was refused
}

// Error returns the message.
func (f *failure) Error() string { return f.Message }

// transient is a failure that may pass by itself.
func transient(format string, args ...any) *failure {
	return &failure{Reason: crontopus.ReasonFetchFailed, Message: fmt.Sprintf(format, args...)}
}

// stalled is a failure that stays until a person acts.
func stalled(reason, format string, args ...any) *failure {
	return &failure{Reason: reason, Stalled: true, Message: fmt.Sprintf(format, args...)}
}

// refused is what is said of a revision whose content cannot come into effect.
func refused(reason string, problems []crontopus.Problem) *failure {
	f := &failure{Reason: reason, Stalled: true, Problems: problems}
	switch len(problems) {
	case 1:
		f.Message = problems[0].String()
	default:
		f.Message = fmt.Sprintf("%d problems, the first is %s", len(problems), problems[0])
	}
	return f
}

// ofContent reports whether the failure is about what the revision says: another commit is
// then what helps, so polling goes on.
func (f *failure) ofContent() bool {
	if f.Unread {
		return false
	}
	switch f.Reason {
	case crontopus.ReasonValidationFailed, crontopus.ReasonVerificationFailed, crontopus.ReasonRemovalBlocked:
		return true
	}
	return false
}
