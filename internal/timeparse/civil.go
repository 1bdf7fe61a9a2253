package timeparse

const (
	minYear = 1677
	maxYear = 2262
)

// monthDays is the longest that each month gets.
var monthDays = [13]uint8{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// marchDays is the day of the year that began in March on which a month begins,
// less the days from 0000-03-01 to 1970-01-01, less one as days count from one.
var marchDays = [13]int32{
	0, 306 - marchEpoch, 337 - marchEpoch, 0 - marchEpoch, 31 - marchEpoch, 61 - marchEpoch, 92 - marchEpoch,
	122 - marchEpoch, 153 - marchEpoch, 184 - marchEpoch, 214 - marchEpoch, 245 - marchEpoch, 275 - marchEpoch,
}

const marchEpoch = 719468 + 1

func leap(y int) bool { return y&3 == 0 && (y%100 != 0 || y%400 == 0) }

// daysFromCivil counts the days from 1970-01-01 to a valid date of a year above 0.
func daysFromCivil(year, month, mday int) int64 {
	y := uint32(year)
	if month <= 2 {
		y--
	}
	c := y / 100
	return int64(int32(365*y+y/4-c+c/4) + marchDays[month] + int32(mday))
}

// civilFromDays is the inverse of daysFromCivil. It divides by multiplying (Neri
// and Schneider, Euclidean affine functions, 2022). days must be within the years
// 0 to 9999.
func civilFromDays(days int64) (year, month, mday int) {
	n1 := 4*uint32(days+719468) + 3
	c := n1 / 146097
	n2 := n1%146097 | 3
	p := 2939745 * uint64(n2)
	z := uint32(p >> 32)
	ny := uint32(p) / 2939745 / 4
	n3 := 2141*ny + 197913
	m := n3 >> 16
	d := n3 & 0xffff / 2141
	y := 100*c + z
	if ny >= 306 {
		y++
		m -= 12
	}
	return int(y), int(m), int(d) + 1
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
