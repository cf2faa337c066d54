package crontopus

// Counts say how much is wrong, at one moment.
type Counts struct {
	Incidents  map[AlertKind]int `json:"incidents"`  // open ones, of the kinds that there are
	Agents     AgentCounts       `json:"agents"`     // that are not revoked
	FailedRuns int               `json:"failedRuns"` // that failed or timed out within the last hour
}

// AgentCounts are how many agents are in which state.
type AgentCounts struct {
	Online    int `json:"online"`
	Offline   int `json:"offline"`   // not heard of for DefaultOfflineAfter
	NeverSeen int `json:"neverSeen"` // enrolled, and not heard of since
}

// MuteChannel is a channel that no message reaches, for it refers to secrets that are not stored.
type MuteChannel struct {
	Channel JobName  `json:"channel"`
	Missing []string `json:"missing"` // names of secrets
}
