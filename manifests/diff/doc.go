// Package diff says what a change of the manifests means before anybody brings it into
// effect: which jobs come, go and change, field by field; what the schedulers of the hosts
// will hold; when jobs run that did not, and the other way round; in which minutes more starts
// on a host than should; and whether so much goes that a person will be asked. It compares what jobs say after their defaults, so a file that only
// moved is no difference.
//
// It is pure, and imports the root, manifests, manifests/forecast and schedule.
package diff
