// Package text matches free text against sets of patterns and takes values out of it.
package text
