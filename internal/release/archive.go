package release

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"maps"
	"slices"
	"time"
)

// A file is an entry of an archive.
type file struct {
	content []byte
	mode    fs.FileMode
}

// epoch is the time of every entry: the first that the format can say.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// zipped is an archive of files by name, the same bytes for the same files.
// Lambda needs bootstrap to be executable by everybody, whoever unpacked it.
func zipped(files map[string]file) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: epoch}
		header.SetMode(files[name].mode)
		entry, err := w.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := entry.Write(files[name].content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
