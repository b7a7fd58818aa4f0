package activities

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestRowsGiveBackWhatWasKept draws objects of any sets of fields: what comes
// back is what JSON makes of them.
func TestRowsGiveBackWhatWasKept(t *testing.T) {
	value := rapid.OneOf(
		rapid.Just[any](nil), rapid.String().AsAny(), rapid.Bool().AsAny(),
		rapid.Just[any](json.Number("3332883800000000021")), rapid.Just[any](map[string]any{"id": "1", "of": []any{json.Number("2")}}),
	)
	object := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c", "root.email"}), value, 0, 4)
	rapid.Check(t, func(rt *rapid.T) {
		var kept rows
		objects := rapid.SliceOf(object).Draw(rt, "objects")
		for _, o := range objects {
			require.NoError(rt, kept.add(o))
		}
		require.Equal(rt, len(objects), kept.len())
		for i, want := range objects {
			got, err := kept.at(i)
			require.NoError(rt, err)
			require.Equal(rt, want, got)
		}
	})
}

func TestRowsKeepNamesOnce(t *testing.T) {
	var kept rows
	for range 100 {
		require.NoError(t, kept.add(map[string]any{"work.department": "1", "work.title": nil}))
	}
	require.NoError(t, kept.add(map[string]any{"work.department": "1"}))
	require.Len(t, kept.shapes, 2)
	require.JSONEq(t, `["1",null]`, string(kept.values[0]))
	require.Error(t, kept.add(map[string]any{"work.title": make(chan int)}))
}
