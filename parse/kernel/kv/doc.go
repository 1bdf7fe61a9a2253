// Package kv reads key=value text in the dialects of many products.
package kv
