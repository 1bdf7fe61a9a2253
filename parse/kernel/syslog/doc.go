// Package syslog reads syslog headers: RFC 5424, RFC 3164, and what devices
// really send.
package syslog
