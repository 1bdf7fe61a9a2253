/*
Package draft writes the first pack.yaml for a product from some of its lines:

	pack, err := draft.New("acme.wall", lines)

It finds the format by structure (CEF, LEEF, JSON, XML, key=value, delimited columns or
free text, each behind a syslog header or alone), maps native keys whose names and values
tell what they are, writes a detect signature from what all lines have in common, and lists
what it could not map in a comment. The result compiles and reads the lines that it was made from;
what the fields mean is for the author to check.
*/
package draft
