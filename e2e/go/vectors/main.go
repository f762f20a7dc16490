// Reads the note, vkey, inclusion, consistency and tile-path vectors with golang.org/x/mod and prints one JSON line for
// each: {"path": "note/valid/one-signature.json", "valid": true}. Nothing of Writ is in here.
//
//	go run . ../../../test-vectors
//
// Built in GOPATH mode against Debian's golang-golang-x-mod-dev.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type input struct {
	Note       string          `json:"note"`
	NoteBase64 string          `json:"note_base64"`
	Vkeys      []string        `json:"vkeys"`
	Vkey       string          `json:"vkey"`
	Path       string          `json:"path"`
	Index      json.RawMessage `json:"index"`
	Size       string          `json:"size"`
	OldSize    string          `json:"old_size"`
	LeafHash   string          `json:"leaf_hash"`
	Root       string          `json:"root"`
	OldRoot    string          `json:"old_root"`
	Proof      []string        `json:"proof"`
}

// The package looks for the power of two below a size by doubling and never ends above this one.
const largestSize = 1 << 62

var formats = map[string]func(input) error{
	"note":        openNote,
	"vkey":        readVkey,
	"inclusion":   checkInclusion,
	"consistency": checkConsistency,
	"tile-path":   readTilePath,
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: main TEST-VECTORS")
	}
	for format, run := range formats {
		files, err := filepath.Glob(filepath.Join(os.Args[1], format, "*", "*.json"))
		if err != nil {
			log.Fatal(err)
		}
		for _, file := range files {
			report(os.Args[1], file, run)
		}
	}
}

func report(root, file string, run func(input) error) {
	data, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	var vector struct {
		Input input `json:"input"`
	}
	if err := json.Unmarshal(data, &vector); err != nil {
		log.Fatalf("%s: %v", file, err)
	}
	path, err := filepath.Rel(root, file)
	if err != nil {
		log.Fatal(err)
	}
	if number(vector.Input.Size) > largestSize {
		return
	}
	line, err := json.Marshal(map[string]interface{}{"path": path, "valid": run(vector.Input) == nil})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
}

func openNote(in input) error {
	msg := []byte(in.Note)
	if in.NoteBase64 != "" {
		decoded, err := base64.StdEncoding.DecodeString(in.NoteBase64)
		if err != nil {
			log.Fatal(err)
		}
		msg = decoded
	}
	var verifiers []note.Verifier
	for _, vkey := range in.Vkeys {
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			log.Fatal(err)
		}
		verifiers = append(verifiers, verifier)
	}
	_, err := note.Open(msg, note.VerifierList(verifiers...))
	return err
}

func readVkey(in input) error {
	_, err := note.NewVerifier(in.Vkey)
	return err
}

// The package writes the tile height into the path and calls entries data.
func readTilePath(in input) error {
	rest := strings.TrimPrefix(in.Path, "tile/")
	if rest == in.Path {
		return fmt.Errorf("not below tile/")
	}
	if strings.HasPrefix(rest, "data/") {
		return fmt.Errorf("not a name of tlog-tiles")
	}
	if strings.HasPrefix(rest, "entries/") {
		rest = "data/" + strings.TrimPrefix(rest, "entries/")
	}
	_, err := tlog.ParseTilePath("tile/8/" + rest)
	return err
}

func checkInclusion(in input) error {
	var text string
	if err := json.Unmarshal(in.Index, &text); err != nil {
		log.Fatal(err)
	}
	index, size := number(text), number(in.Size)
	proof, err := hashes(in.Proof)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(tlog.RecordProof(proof), size, one(in.Root), index, one(in.LeafHash))
}

func checkConsistency(in input) error {
	proof, err := hashes(in.Proof)
	if err != nil {
		return err
	}
	size, old := number(in.Size), number(in.OldSize)
	return tlog.CheckTree(tlog.TreeProof(proof), size, one(in.Root), old, one(in.OldRoot))
}

// Absent is 0: most formats have no sizes.
func number(text string) int64 {
	if text == "" {
		return 0
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func one(text string) tlog.Hash {
	hash, err := tlog.ParseHash(text)
	if err != nil {
		log.Fatal(err)
	}
	return hash
}

func hashes(texts []string) ([]tlog.Hash, error) {
	var list []tlog.Hash
	for _, text := range texts {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			return nil, err
		}
		list = append(list, hash)
	}
	return list, nil
}
