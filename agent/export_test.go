package agent

// OOMKillsBelow is what the system below root says of processes that were killed for want of memory.
var OOMKillsBelow = oomKills
