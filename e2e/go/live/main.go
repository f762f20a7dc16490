// SPDX-License-Identifier: Apache-2.0

// Reads a live log with Go's own note and tlog packages (golang.org/x/mod/sumdb), which share nothing with it.
//
//	live -url http://127.0.0.1:8080 -vkey log.example+89abcdef+AQ... -earlier checkpoint.old
//
// It opens two checkpoints, checks every entry against the hash tiles and those against the root, and checks the
// proofs that it computes from the tiles as well as the ones that the log hands out. The report is JSON on standard
// output; the first thing that does not hold ends the program with exit code 1.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight   = 8
	tileWidth    = 1 << tileHeight
	maxBodyBytes = 32 << 20
)

type report struct {
	Origin              string `json:"origin"`
	Size                int64  `json:"size"`
	Root                string `json:"root"`
	EarlierSize         int64  `json:"earlierSize"`
	Entries             int64  `json:"entries"`
	EntriesSHA256       string `json:"entriesSha256"`
	FullTiles           int    `json:"fullTiles"`
	PartialTiles        int    `json:"partialTiles"`
	FullBundles         int    `json:"fullBundles"`
	PartialBundles      int    `json:"partialBundles"`
	InclusionComputed   int    `json:"inclusionComputed"`
	InclusionServed     int    `json:"inclusionServed"`
	ConsistencyComputed int    `json:"consistencyComputed"`
	ConsistencyServed   int    `json:"consistencyServed"`
	ForgeriesRefused    int    `json:"forgeriesRefused"`
}

func main() {
	url := flag.String("url", "", "prefix of the log, without a slash at the end")
	vkey := flag.String("vkey", "", "verifier key of the log")
	earlier := flag.String("earlier", "", "file with an earlier checkpoint of the log")
	flag.Parse()
	a := &auditor{prefix: *url, tiles: map[string]bool{}, client: &http.Client{Timeout: 30 * time.Second}}
	if err := a.run(*vkey, *earlier); err != nil {
		fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(a.report); err != nil {
		fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1)
	}
}

type auditor struct {
	prefix string
	client *http.Client
	tiles  map[string]bool
	report report
}

func (a *auditor) run(vkey, earlierPath string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return fmt.Errorf("vkey: %w", err)
	}
	served, err := a.get("checkpoint")
	if err != nil {
		return err
	}
	tree, err := openCheckpoint(served, verifier)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	data, err := os.ReadFile(earlierPath)
	if err != nil {
		return err
	}
	old, err := openCheckpoint(data, verifier)
	if err != nil {
		return fmt.Errorf("earlier checkpoint: %w", err)
	}
	if old.N < 1 || old.N >= tree.N {
		return fmt.Errorf("the log has to have grown: %d, then %d entries", old.N, tree.N)
	}
	a.report.Origin, a.report.Size, a.report.Root = verifier.Name(), tree.N, tree.Hash.String()
	a.report.EarlierSize = old.N

	hashes, err := a.checkEntries(tree)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, a)
	oldReader := tlog.TileHashReader(old, a)
	for _, index := range samples(old.N) {
		if err := a.checkInclusion(index, hashes[index], old, oldReader); err != nil {
			return err
		}
	}
	for _, index := range samples(tree.N) {
		if err := a.checkInclusion(index, hashes[index], tree, reader); err != nil {
			return err
		}
	}
	return a.checkConsistency(old, tree, reader)
}

// openCheckpoint verifies a signed note and reads the checkpoint in it: C2SP tlog-checkpoint.
func openCheckpoint(data []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("not three lines under %s: %q", verifier.Name(), opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != lines[1] {
		return tlog.Tree{}, fmt.Errorf("size %q", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return tlog.Tree{}, err
	}
	return tlog.Tree{N: size, Hash: root}, nil
}

// checkEntries hashes every entry and compares with the leaf hashes that the tiles prove.
func (a *auditor) checkEntries(tree tlog.Tree) ([]tlog.Hash, error) {
	digest := sha256.New()
	computed := make([]tlog.Hash, 0, tree.N)
	indexes := make([]int64, 0, tree.N)
	for first := int64(0); first < tree.N; first += tileWidth {
		width := tree.N - first
		if width > tileWidth {
			width = tileWidth
		}
		entries, err := a.readBundle(first/tileWidth, int(width))
		if err != nil {
			return nil, err
		}
		for i, entry := range entries {
			digest.Write([]byte{byte(len(entry) >> 8), byte(len(entry))})
			digest.Write(entry)
			computed = append(computed, tlog.RecordHash(entry))
			indexes = append(indexes, tlog.StoredHashIndex(0, first+int64(i)))
		}
	}
	proved, err := tlog.TileHashReader(tree, a).ReadHashes(indexes)
	if err != nil {
		return nil, fmt.Errorf("tiles: %w", err)
	}
	for i, hash := range proved {
		if hash != computed[i] {
			return nil, fmt.Errorf("entry %d does not have the hash in its tile", i)
		}
	}
	a.report.Entries = int64(len(computed))
	a.report.EntriesSHA256 = hex.EncodeToString(digest.Sum(nil))
	return computed, nil
}

// readBundle reads entries [256 n, 256 n + width): C2SP tlog-tiles, "Log Entries".
func (a *auditor) readBundle(n int64, width int) ([][]byte, error) {
	path := tlog.Tile{H: tileHeight, L: -1, N: n, W: width}.Path()
	data, err := a.get("tile/entries/" + strings.TrimPrefix(path, "tile/8/data/"))
	if err != nil {
		return nil, err
	}
	if width == tileWidth {
		a.report.FullBundles++
	} else {
		a.report.PartialBundles++
	}
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(data[0])<<8+int(data[1]) {
			return nil, fmt.Errorf("%s: cut off in entry %d", path, len(entries))
		}
		end := 2 + int(data[0])<<8 + int(data[1])
		entries = append(entries, data[2:end])
		data = data[end:]
	}
	if len(entries) != width {
		return nil, fmt.Errorf("%s: %d entries instead of %d", path, len(entries), width)
	}
	return entries, nil
}

// checkInclusion checks the proof that tlog builds from the tiles and the one that the log serves.
func (a *auditor) checkInclusion(index int64, leaf tlog.Hash, tree tlog.Tree, reader tlog.HashReader) error {
	computed, err := tlog.ProveRecord(tree.N, index, reader)
	if err != nil {
		return fmt.Errorf("prove entry %d of %d: %w", index, tree.N, err)
	}
	if err := tlog.CheckRecord(computed, tree.N, tree.Hash, index, leaf); err != nil {
		return fmt.Errorf("computed proof of entry %d of %d: %w", index, tree.N, err)
	}
	a.report.InclusionComputed++
	served, err := a.getProof(fmt.Sprintf("proof/inclusion/%d/%d", index, tree.N))
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(served, tree.N, tree.Hash, index, leaf); err != nil {
		return fmt.Errorf("served proof of entry %d of %d: %w", index, tree.N, err)
	}
	a.report.InclusionServed++
	// The check has to be able to fail, or it shows nothing.
	leaf[0] ^= 1
	if tlog.CheckRecord(served, tree.N, tree.Hash, index, leaf) == nil {
		return fmt.Errorf("a false entry %d of %d verifies", index, tree.N)
	}
	a.report.ForgeriesRefused++
	return nil
}

func (a *auditor) checkConsistency(old, tree tlog.Tree, reader tlog.HashReader) error {
	// Between the two signed checkpoints, and from sizes around the edges of tiles whose roots the tiles prove.
	for _, index := range samples(tree.N) {
		older := tlog.Tree{N: index + 1}
		root, err := tlog.TreeHash(older.N, reader)
		if err != nil {
			return fmt.Errorf("root of %d: %w", older.N, err)
		}
		older.Hash = root
		if err := a.checkGrowth(older, tree, reader); err != nil {
			return err
		}
	}
	return a.checkGrowth(old, tree, reader)
}

func (a *auditor) checkGrowth(old, tree tlog.Tree, reader tlog.HashReader) error {
	computed, err := tlog.ProveTree(tree.N, old.N, reader)
	if err != nil {
		return fmt.Errorf("prove %d to %d: %w", old.N, tree.N, err)
	}
	if err := tlog.CheckTree(computed, tree.N, tree.Hash, old.N, old.Hash); err != nil {
		return fmt.Errorf("computed proof from %d to %d: %w", old.N, tree.N, err)
	}
	a.report.ConsistencyComputed++
	served, err := a.getProof(fmt.Sprintf("proof/consistency/%d/%d", old.N, tree.N))
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(served, tree.N, tree.Hash, old.N, old.Hash); err != nil {
		return fmt.Errorf("served proof from %d to %d: %w", old.N, tree.N, err)
	}
	a.report.ConsistencyServed++
	old.Hash[0] ^= 1
	if tlog.CheckTree(served, tree.N, tree.Hash, old.N, old.Hash) == nil {
		return fmt.Errorf("a false root of %d verifies", old.N)
	}
	a.report.ForgeriesRefused++
	return nil
}

// samples gives indexes below size: all the edges of tiles and powers of two near them, and some in between.
func samples(size int64) []int64 {
	chosen := map[int64]bool{0: true, size / 3: true, size / 2: true, size - 1: true}
	for _, edge := range []int64{1, 2, tileWidth, 2 * tileWidth, 1024, size - size%tileWidth, size - 1} {
		for index := edge - 1; index <= edge+1; index++ {
			if index >= 0 && index < size {
				chosen[index] = true
			}
		}
	}
	var indexes []int64
	for index := range chosen {
		indexes = append(indexes, index)
	}
	sort.Slice(indexes, func(i, j int) bool { return indexes[i] < indexes[j] })
	return indexes
}

func (a *auditor) getProof(path string) ([]tlog.Hash, error) {
	data, err := a.get(path)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Hashes []tlog.Hash `json:"hashes"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return answer.Hashes, nil
}

func (a *auditor) get(path string) ([]byte, error) {
	response, err := a.client.Get(a.prefix + "/" + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxBodyBytes))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d: %.200s", path, response.StatusCode, data)
	}
	return data, nil
}

// Height, ReadTiles and SaveTiles make the auditor a tlog.TileReader over tlog-tiles paths.

func (a *auditor) Height() int { return tileHeight }

func (a *auditor) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var contents [][]byte
	for _, tile := range tiles {
		// tile/8/<level>/<index> in Go is tile/<level>/<index> in C2SP tlog-tiles.
		path := "tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
		data, err := a.get(path)
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, errors.New(path + ": wrong length")
		}
		contents = append(contents, data)
	}
	return contents, nil
}

// SaveTiles is told of tiles only once they are authenticated against the root.
func (a *auditor) SaveTiles(tiles []tlog.Tile, _ [][]byte) {
	for _, tile := range tiles {
		if a.tiles[tile.Path()] {
			continue
		}
		a.tiles[tile.Path()] = true
		if tile.W == tileWidth {
			a.report.FullTiles++
		} else {
			a.report.PartialTiles++
		}
	}
}
