// Package notify is what all channels share: the message that a delivery becomes, how its parts
// are cut and cleaned, what an answer means, and an HTTP client that reaches only what the
// operator allows. Each type of channel is a room of its own below it.
//
// It imports the root package and internal.
package notify
