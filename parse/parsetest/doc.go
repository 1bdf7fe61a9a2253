/*
Package parsetest is the suite for the author of a pack or of a Parser:

	func TestPack(t *testing.T) {
		parsetest.Pack(t, pack, ".")
	}

The folder holds the records that the pack is tried on, in testdata:

	samples.log            one record a line; what the product writes
	samples.nul            records with line feeds in them, each closed by a NUL byte
	named.log, named.nul   what detection need not recognise, for the bytes alone do not tell
	hostile.log, hostile.nul   what it never should: cut, overlong, lying, forged
	samples.golden.jsonl   what comes of samples.log: a line for each event or dead letter
	samples.nul.golden.jsonl, hostile.golden.jsonl, …

Further files with these endings may stand beside them. Golden lines are what the encoder
writes at [Now] in UTC, and a dead letter has the form that the program penstock gives
it. The environment variable PENSTOCK_UPDATE=1, or a flag named update that the test
itself defines, writes them anew; so does "penstock pack test -update".

The suite asks for more than the golden lines: that equal bytes give equal answers whatever
came before, that nothing of an event is left in memory that its source takes back, that a
record cut at any byte gives an event or an error with a category and never a panic, that
every answer is strict JSON without a repeated key, that parsing allocates little or
nothing, that detection finds the pack by each of its samples, and that each field can be
explained.

[Hostile] is for anything that reads messages, a kernel or a Parser: it cuts, changes and blows up
sound messages, and asks for an answer with a fitting category in bounded memory and time.
*/
package parsetest
