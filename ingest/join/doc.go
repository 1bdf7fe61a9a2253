// Package join puts messages together that belong together: the lines of a stack trace, the
// records of one event of the Linux audit daemon, the parts of a line that a container runtime
// cut. It stands around a source, before the parse.
//
//	src, err := join.Lines(file.Glob("/var/log/app/*.log"), join.LineOptions{Indented: true})
//	src, err := join.Audit(file.Glob("/var/log/audit/audit.log"), join.AuditOptions{})
//	src, err := join.Containers(file.Glob("/var/log/containers/*.log"), join.ContainerOptions{})
//
// A joined message is its parts with a line feed between them (of Containers, one line); its offset, origin and time of
// reception are those of the first. Messages of different origins (files, connections)
// are never joined. What the inner source knows to be bad stays alone.
//
// # Accounts
//
// The ledger counts each part as received and all but one of a joined message as Joined. An
// inner chunk is acknowledged when all its parts have reached their end, also those that are
// joined with parts of later chunks.
//
// # Bounds
//
// A message that is not complete is held, in memory of its own, until it is, for at most
// MaxWait after its last part; within MaxBytes, MaxParts, and, over all messages of the
// source, MaxHeld bytes. What goes beyond a bound is not lost: the message is sent as it is
// and the part begins another one; Stats.Cut counts these. At the source's end what is held is
// sent.
//
// A Source runs once. Stats may be called at any time.
package join
