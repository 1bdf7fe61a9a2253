// Package pagetest gives tests memory behind which nothing may be read, for code that reads
// more bytes at once than a text may have left.
package pagetest
