package agent

import (
	"fmt"
	"sync"
)

// occupant is the process that does a job: it leads its group. A process id alone is soon
// another's, so it goes with when the process began and in which boot.
type occupant struct {
	pid         int
	start, boot string
}

// thisBoot is BootID, which no process outlives.
var thisBoot = sync.OnceValue(BootID)

// newOccupant returns a process of this host, and no one's where the system does not say when it began.
func newOccupant(pid int) occupant {
	start := processStart(pid)
	if start == "" {
		return occupant{}
	}
	return occupant{pid, start, thisBoot()}
}

func (o occupant) String() string {
	if o.pid == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s %s\n", o.pid, o.start, o.boot)
}

// occupantOf reads what String wrote; anything else is nobody.
func occupantOf(note string, err error) occupant {
	var o occupant
	if err != nil {
		return o
	}
	if n, err := fmt.Sscanf(note, "%d %s %s", &o.pid, &o.start, &o.boot); err != nil || n != 3 || o.pid <= 1 {
		return occupant{}
	}
	return o
}

// alive reports whether the very same process is still there.
func (o occupant) alive() bool {
	return o.pid != 0 && o.boot == thisBoot() && processStart(o.pid) == o.start
}
