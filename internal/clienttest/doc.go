// Package clienttest holds the tests of connectors against client libraries of others. It
// is a module of its own, so that nobody who imports penstock sees what these need.
package clienttest
