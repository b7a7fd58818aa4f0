// Package children ties processes that tools and tests start to those who
// started them.
package children
