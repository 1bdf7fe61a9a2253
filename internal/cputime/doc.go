// Package cputime tells what processor time work takes, which does not count what other
// programs of a busy machine take meanwhile. Where a system does not tell the time of a
// thread (all but Linux) it is the time that passes.
package cputime
