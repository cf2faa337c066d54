// Package failpoint names the moments at which a test kills a program: around each call
// with which a file becomes lasting (internal/atomicfile), and around the commit of a transaction (store).
// There are no others: a program that is killed anywhere else has not told anybody anything since
// the last of them.
//
// In a program that is built without the tag failpoint, as all that people run are, nothing
// of it is left. With the tag, the environment says what happens at a point:
//
//	FAILPOINT_RECORD=FILE              append each point that is reached to FILE
//	FAILPOINT_KILL=POINT@FUNCTION#N    SIGKILL to the own process at the Nth time that POINT
//	                                   is reached on behalf of FUNCTION, as in
//	                                   file:before-rename@agent.(*Gate).Accept#1
//
// FUNCTION is who asked for the file or the transaction, so that points need no names at
// their callers. The tests beside this package kill both programs at every one of them.
//
// It imports the standard library only; internal/atomicfile and store import it.
package failpoint
