// Package leef reads IBM QRadar's Log Event Extended Format.
package leef
