package agent

// OOMKillsBelow is what the system below root says of processes that were killed for want of memory.
var OOMKillsBelow = oomKills

// SealJobs leaves the stored bundle's jobs for runs, as a daemon does that has verified it.
func SealJobs(s State) error {
	with, err := s.seal()
	if err != nil {
		return err
	}
	bundle, err := LoadBundle(s)
	if err != nil {
		return err
	}
	return s.sealJobs(with, bundle)
}
