package scan

// Piece is a text that always stands between two values of messages of one kind, and how the
// second of these ends. Whoever knows pieces can read a message without looking for what it says:
// see FollowPieces.
type Piece struct {
	// text is as long as its first word says, with at least 16 bytes of memory.
	text string
	// Guess is the piece that came behind this one last time, or nil.
	Guess *Piece
	// stops is how the value behind the piece ends.
	stops *Stops
}

// Stops tells how a value ends: at one of three bytes. At Stops[0] it ends as it should; at the
// others, which may be the same, somebody has to look more closely. Each stands for 16 bytes.
type Stops [3][16]byte

// NewStops returns the Stops of three bytes.
func NewStops(end, other, third byte) *Stops {
	s := new(Stops)
	for i := range 16 {
		s[0][i], s[1][i], s[2][i] = end, other, third
	}
	return s
}

// NewPiece returns a Piece with a copy of text. Without stops there is no value behind it.
func NewPiece(text []byte, stops *Stops) Piece {
	room := make([]byte, len(text), max(len(text), 16))
	copy(room, text)
	return Piece{text: String(room), stops: stops}
}

// Text is the text of the piece.
func (p *Piece) Text() string { return p.text }

// FollowPieces goes from b[i:], behind which a value that at announces has ended, from piece to
// piece as the guesses tell. It stops before the first piece that is not there or whose value does not
// end as it should, where ends is full, and wherever it would have to look closely: whoever
// calls it has to do the next piece, and may call it again.
//
// It returns the last piece that it passed, where the value behind that ends, how many values there were, whose
// ends are in ends, and whether one of these has a byte that is a control character or not ASCII.
func FollowPieces(b []byte, at *Piece, i int, ends []int32) (last *Piece, end, n int, odd bool) {
	if uint(i) >= uint(len(b)) || len(ends) == 0 || len(b) >= 1<<31 {
		return at, i, 0, false
	}
	return followPieces(b, at, i, ends)
}
