//go:build !amd64 || purego

package parse

func followSpaced(b []byte, from int, e *ExpectedKey, spans []span) int { return 0 }

func followQuoted(b []byte, from int, e *ExpectedKey, spans []span) int { return 0 }

func followParameters(b []byte, from int, e *ExpectedKey, to []Parameter) int { return 0 }
