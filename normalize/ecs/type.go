package ecs

import "strconv"

// Type is the type that a field has in the ECS field table, under the name
// that Elasticsearch mappings use.
type Type uint8

// The types that occur in the table. TypeNone is the type of no field.
const (
	TypeNone Type = iota
	TypeKeyword
	TypeConstantKeyword
	TypeWildcard
	TypeMatchOnlyText
	TypeLong
	TypeInteger
	TypeFloat
	TypeDouble
	TypeScaledFloat
	TypeBoolean
	TypeDate
	TypeIP
	TypeGeoPoint
	TypeObject
	TypeNested
	TypeFlattened
	typeCount
)

var typeNames = [typeCount]string{
	TypeNone:            "none",
	TypeKeyword:         "keyword",
	TypeConstantKeyword: "constant_keyword",
	TypeWildcard:        "wildcard",
	TypeMatchOnlyText:   "match_only_text",
	TypeLong:            "long",
	TypeInteger:         "integer",
	TypeFloat:           "float",
	TypeDouble:          "double",
	TypeScaledFloat:     "scaled_float",
	TypeBoolean:         "boolean",
	TypeDate:            "date",
	TypeIP:              "ip",
	TypeGeoPoint:        "geo_point",
	TypeObject:          "object",
	TypeNested:          "nested",
	TypeFlattened:       "flattened",
}

// String returns the name of the type as the field table writes it.
func (t Type) String() string {
	if t >= typeCount {
		return "ecs.Type(" + strconv.Itoa(int(t)) + ")"
	}
	return typeNames[t]
}

// IsString reports whether values are text without a syntax of their own:
// keyword, constant_keyword, wildcard, match_only_text.
func (t Type) IsString() bool { return t >= TypeKeyword && t <= TypeMatchOnlyText }

// IsInteger reports whether values are whole numbers: long, integer.
func (t Type) IsInteger() bool { return t == TypeLong || t == TypeInteger }

// IsFloat reports whether values are numbers that may have a fraction: float,
// double, scaled_float.
func (t Type) IsFloat() bool { return t >= TypeFloat && t <= TypeScaledFloat }

// IsNumber reports whether values are numbers of any kind.
func (t Type) IsNumber() bool { return t >= TypeLong && t <= TypeScaledFloat }

// IsObject reports whether values are objects: object, nested, flattened.
// Geo points, which may be written as objects too, are not among them.
func (t Type) IsObject() bool { return t >= TypeObject && t <= TypeFlattened }

// Level says whether a field belongs to the core of ECS or to its extension.
type Level uint8

// The levels of the table. LevelNone is the level of no field.
const (
	LevelNone Level = iota
	LevelCore
	LevelExtended
)

// String returns the name of the level as the field table writes it.
func (l Level) String() string {
	switch l {
	case LevelNone:
		return "none"
	case LevelCore:
		return "core"
	case LevelExtended:
		return "extended"
	}
	return "ecs.Level(" + strconv.Itoa(int(l)) + ")"
}
