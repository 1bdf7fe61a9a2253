package ecs

import "math/bits"

// Lookup returns the key of a dotted path. The match is exact, byte by byte:
// "Source.IP" and "source.ip " are unknown. Unknown names give [None] and
// false. It does not allocate and does the same bounded work for any name, so
// names may come straight from hostile input.
func Lookup(name string) (Key, bool) { return lookup(name) }

// LookupBytes is [Lookup] for a name in a byte slice. The slice is only read,
// and not kept.
func LookupBytes(name []byte) (Key, bool) { return lookup(name) }

// lookup asks a perfect hash for the one key that the name can be, and compares
// the two. The bucket's displacement moves its names to free slots; the
// generator found displacements without a collision.
func lookup[S string | []byte](name S) (Key, bool) {
	if len(name) > maxName {
		return None, false
	}
	h := hash(name)
	k := slots[(uint32(h)^uint32(displace[h>>(64-bucketBits)]))%(1<<slotBits)]
	if nameText[nameEnd[k]:nameEnd[k+1]] != string(name) {
		return None, false
	}
	return k, k != None
}

// hash must stay the same function as the one in internal/gen.
func hash[S string | []byte](s S) uint64 {
	n := len(s)
	var a, b uint64
	h := uint64(hashSeed) ^ uint64(n)
	switch {
	case n > 16:
		for i := 0; i+16 < n; i += 16 {
			h = mix(load64(s, i)^h, load64(s, i+8)^hashMul)
		}
		a, b = load64(s, n-16), load64(s, n-8)
	case n >= 8:
		a, b = load64(s, 0), load64(s, n-8)
	case n >= 4:
		a, b = uint64(load32(s, 0)), uint64(load32(s, n-4))
	case n > 0:
		a, b = uint64(s[0])<<8|uint64(s[n/2]), uint64(s[n-1])
	}
	return mix(a^h, b^hashMul)
}

const hashMul = 0x9e3779b97f4a7c15

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

func load64[S string | []byte](s S, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}

func load32[S string | []byte](s S, i int) uint32 {
	_ = s[i+3]
	return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24
}
