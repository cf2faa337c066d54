package agent

// OOMKillsBelow is what the system below root says of processes that were killed for want of memory.
var OOMKillsBelow = oomKills

// SealJobs leaves the stored bundle's jobs for runs, as a daemon does that has verified it.
func SealJobs(s State) error {
	v, err := s.verify()
	if err == nil {
		err = v.unsealable
	}
	if err != nil {
		return err
	}
	return s.sealJobs(v.seal, v.bundle)
}
