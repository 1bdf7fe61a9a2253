// Package json reads JSON events in one strict forward pass: what is wanted goes into
// the slots of a parse.Frame, everything else is checked and skipped, or kept on
// request.
//
//	tree, err := json.New([]json.Path{{Path: "userIdentity.type", Slot: 0}})
//	reader := tree.Reader() // one for each worker
//	frame.Reset(tree.Slots(), &text)
//	err = reader.Read(line, &frame)
//
// # What is read
//
// RFC 8259 to the letter, wanted or not: no comments, no NaN, no leading zeros, no raw
// control characters, nothing behind the value, UTF-8 only (Options.RepairUTF8 reads on).
// A byte order mark and white space may stand around the value. Escaped surrogates
// without their other half are read as U+FFFD.
//
// Of equal keys in one object the first wins; the others are dropped and counted in
// Frame.Duplicates, also inside values that are kept as raw text. Keys are equal if
// their text without escapes is. In what is skipped nobody looks for equal keys.
//
// Integers that fit 64 bits are KindInt, all other numbers KindFloat with their exact
// digits. Objects and arrays that are kept are JSON text that is valid by itself: on one
// line, without equal keys, valid UTF-8. Text that is so already is not copied.
//
// Where the JSON text of a string is the one that it would be written with again, the value
// has that too (parse.Value.JSON).
//
// # Limits
//
// Options.MaxDepth (default 128, at most 1000), Options.MaxKeys (default 65536, nested
// ones included), parse.MaxKeyLength for keys that are looked up or kept as fields, and
// Frame.MaxRest; a breach is OVERSIZE. The length of a text is limited by whoever frames
// it. Time and memory are linear in the length, also for a million equal or colliding
// keys.
//
// # Concurrency and memory
//
// A Tree is constant and may be shared. A Reader belongs to one goroutine. Nothing is
// allocated in steady state, errors apart.
//
// # Where each serves
//
// The same work in the same run, one core, 1,750-byte CloudTrail lines, 25 of 63 keys
// wanted, best of ten (go test -bench 'Read|Valid|Split' -count 10 -cpu 1):
//
//	                                        MB/s   against Read  allocations
//	Read                                    1610       1            0
//	Read, everything else kept (KeepRest)   1200       0.75         0
//	fastjson Validate, Parse, 25 × Get       310       0.19         0
//	fastjson Parse, 25 × Get, not strict     475       0.30         0
//	fastjson Parse alone, not strict         970       0.60         0
//	gjson Valid, 25 × Get                     83       0.05        24 per line
//	encoding/json into any                    77       0.05       190 per line
//	Valid                                   1710                    0
//	gjson Valid                              780                    0
//	fastjson Validate                        695                    0
//	encoding/json Valid                      290                    0
//	AppendItems, array in a wrapper         1800                    0
//	AppendItems, one framed line, no wrapper       77 ns            0
//
// Read is for a set of paths that is known beforehand and events that come by the
// million. For one path that a user types, gjson; to walk or change a whole document,
// fastjson, behind [Valid], since its Parse takes what is no JSON; for Go types,
// encoding/json, which takes the last of equal keys.
//
// Choices and their figures: comparing each key with the one that came next last time,
// before looking for its end, took Read from 1520 to 1720 MB/s (with unwanted keys
// remembered too; 1580 without), and comparing it together with the comma before and the
// quote behind it takes half of the instructions that are left; strings are scanned eight bytes at a time, since a scan
// of 16 without branches was slower (1330: each token waits for the length of the one
// before); loads without bounds checks would bring 4 %.
package json
