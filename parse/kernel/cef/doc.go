// Package cef reads ArcSight Common Event Format.
package cef
