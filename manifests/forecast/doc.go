// Package forecast counts what will run when: by hour and by target, the busiest minutes, and
// the minutes in which too much starts on one target. It costs what there is to tell apart,
// not what runs: jobs of one schedule on one target are counted once.
//
// It imports the root and schedule. The commands that engineers run use it.
package forecast
