// Package brake decides how many people may be suspended within a rolling
// window, and who is held beyond that until a person has looked.
//
// It is pure: a State and a moment come in, an answer and a changed State come
// out. It knows neither Temporal nor the APIs, and a person is a Bob id and the
// id of a OneLogin user here. The workflow SuspensionBrake keeps the one State
// of an installation, so that all workers together have one count.
//
// What is counted is the permission to suspend, which comes before the write. A
// permission whose write then failed stays counted: whether it reached OneLogin
// cannot be known for sure, and one suspension too few is asked for again, while
// one too many locks somebody out.
package brake
