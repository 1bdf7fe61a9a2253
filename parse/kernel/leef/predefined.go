package leef

import (
	"iter"
	"slices"
	"strings"
)

// Type is the data type that the format guide gives a predefined attribute.
type Type uint8

// The types.
const (
	String   Type = iota
	Integer       // decimal
	Boolean       // true or false
	IP            // an IPv4 or IPv6 address
	MAC           // six pairs of hexadecimal digits with colons
	Date          // in the form that devTimeFormat gives, or 10 or 13 digits since 1970 UTC
	Protocol      // an IANA protocol number or name
)

func (t Type) String() string {
	switch t {
	case String:
		return "string"
	case Integer:
		return "integer"
	case Boolean:
		return "boolean"
	case IP:
		return "ip"
	case MAC:
		return "mac"
	case Date:
		return "date"
	case Protocol:
		return "protocol"
	}
	return "invalid"
}

// Attribute is one predefined attribute of the format guide.
type Attribute struct {
	Key    string
	Type   Type
	Length int // most characters of a string; 0: no limit given
}

// Lookup finds a predefined attribute by its key. Case counts.
func Lookup(key string) (Attribute, bool) {
	i, ok := slices.BinarySearchFunc(predefined[:], key, func(a Attribute, k string) int { return strings.Compare(a.Key, k) })
	if !ok {
		return Attribute{}, false
	}
	return predefined[i], true
}

// Predefined yields every predefined attribute in the order of the keys.
func Predefined() iter.Seq[Attribute] { return slices.Values(predefined[:]) }

// predefined is read-only, in the order of its keys. The spelling of identSecondlp is
// the guide's.
var predefined = [...]Attribute{
	{"accountName", String, 255},
	{"calCountryOrRegion", String, 2},
	{"calLanguage", String, 2},
	{"cat", String, 0},
	{"devTime", Date, 0},
	{"devTimeFormat", String, 0},
	{"domain", String, 0},
	{"dst", IP, 0},
	{"dstBytes", Integer, 0},
	{"dstMAC", MAC, 0},
	{"dstPackets", Integer, 0},
	{"dstPort", Integer, 0},
	{"dstPostNAT", IP, 0},
	{"dstPostNATPort", Integer, 0},
	{"dstPreNAT", IP, 0},
	{"dstPreNATPort", Integer, 0},
	{"groupID", String, 0},
	{"identGrpName", String, 255},
	{"identHostName", String, 255},
	{"identMAC", MAC, 0},
	{"identNetBios", String, 255},
	{"identSecondlp", IP, 0},
	{"identSrc", IP, 0},
	{"isLoginEvent", Boolean, 0},
	{"isLogoutEvent", Boolean, 0},
	{"policy", String, 0},
	{"proto", Protocol, 0},
	{"realm", String, 0},
	{"resource", String, 0},
	{"role", String, 0},
	{"sev", Integer, 0},
	{"src", IP, 0},
	{"srcBytes", Integer, 0},
	{"srcMAC", MAC, 0},
	{"srcPackets", Integer, 0},
	{"srcPort", Integer, 0},
	{"srcPostNAT", IP, 0},
	{"srcPostNATPort", Integer, 0},
	{"srcPreNAT", IP, 0},
	{"srcPreNATPort", Integer, 0},
	{"totalPackets", Integer, 0},
	{"url", String, 0},
	{"usrName", String, 255},
	{"vSrc", IP, 0},
	{"vSrcName", String, 255},
}
