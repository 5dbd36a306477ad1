package ecsagent

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

var saved = Checkpoint{Cluster: "prod", ContainerInstanceARN: registeredARN, InstanceID: "i-0123456789abcdef0", AgentVersion: "1.105.1"}

// agentDB writes a file with bbolt as the agent does, and leaves it open. The agent creates every bucket first and
// stores values as JSON (agent/data/client.go).
func agentDB(t testing.TB, pageSize int, c Checkpoint, tasks int) (string, *bbolt.DB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: pageSize})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{"images", "containers", "tasks", "eniattachments", "resattachments", "metadata"} {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		for n := range tasks {
			if err := tx.Bucket([]byte("tasks")).Put(fmt.Appendf(nil, "task-%06d", n), make([]byte, 2000)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	put(t, db, map[string]string{"cluster-name": c.Cluster, "container-instance-arn": c.ContainerInstanceARN,
		"ec2-instance-id": c.InstanceID, "agent-version": c.AgentVersion})
	return path, db
}

func put(t testing.TB, db *bbolt.DB, values map[string]string) {
	t.Helper()
	err := db.Update(func(tx *bbolt.Tx) error {
		for key, value := range values {
			encoded, err := json.Marshal(value)
			if err != nil {
				return err
			}
			if err := tx.Bucket([]byte("metadata")).Put([]byte(key), encoded); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCheckpointIsReadWhileTheAgentHoldsItsLock(t *testing.T) {
	for _, pageSize := range []int{1 << 10, 4 << 10, 16 << 10, 64 << 10} {
		for _, tasks := range []int{0, 300} {
			t.Run(fmt.Sprintf("page %d, %d tasks", pageSize, tasks), func(t *testing.T) {
				path, _ := agentDB(t, pageSize, saved, tasks)
				got, err := ReadCheckpoint(path)
				if err != nil || got != saved {
					t.Errorf("got %+v, %v", got, err)
				}
			})
		}
	}
}

func TestCheckpointWithManyKeysIsFoundThroughBranchPages(t *testing.T) {
	path, db := agentDB(t, 4<<10, saved, 0)
	many := make(map[string]string)
	for n := range 1000 {
		many[fmt.Sprintf("%c-%05d", 'a'+n%26, n)] = strings.Repeat("x", 100)
	}
	put(t, db, many)
	if got, err := ReadCheckpoint(path); err != nil || got != saved {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestCheckpointFollowsEveryCommit(t *testing.T) {
	path, db := agentDB(t, 4<<10, saved, 0)
	for n := range 20 {
		want := saved
		want.Cluster = fmt.Sprintf("cluster-%d", n)
		put(t, db, map[string]string{"cluster-name": want.Cluster})
		if got, err := ReadCheckpoint(path); err != nil || got != want {
			t.Fatalf("commit %d: got %+v, %v", n, got, err)
		}
	}
}

func TestCheckpointOfAnAgentThatNeverRegisteredIsEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.db")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("metadata")); return err })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadCheckpoint(path); err != nil || got != (Checkpoint{}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestOneValidMetaPageIsEnough(t *testing.T) {
	for _, pageSize := range []int{1 << 10, 4 << 10, 64 << 10} {
		path, db := agentDB(t, pageSize, saved, 0)
		put(t, db, map[string]string{"cluster-name": saved.Cluster}) // now both meta pages point to it
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for meta := range 2 {
			damaged := bytes.Clone(good)
			damaged[meta*pageSize+40] ^= 0xff
			if got, err := decodeCheckpoint(bytes.NewReader(damaged)); err != nil || got != saved {
				t.Errorf("page size %d, meta %d damaged: got %+v, %v", pageSize, meta, got, err)
			}
		}
	}
}

func TestMissingCheckpointIsNotExist(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.db")
	_, err := ReadCheckpoint(path)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

func TestErrorOfInvalidCheckpointNamesTheFile(t *testing.T) {
	path, db := agentDB(t, 4<<10, saved, 100)
	db.Close()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	noMetadata := filepath.Join(t.TempDir(), "other.db")
	other, err := bbolt.Open(noMetadata, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	foreign, err := os.ReadFile(noMetadata)
	if err != nil {
		t.Fatal(err)
	}
	notJSON := bytes.ReplaceAll(good, []byte(`"prod"`), []byte(`prod!!`))
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":              {nil, "the file is empty"},
		"a few bytes":        {[]byte("agent"), "damaged or cut off"},
		"zeros":              {make([]byte, 1<<16), "damaged or cut off"},
		"text":               {bytes.Repeat([]byte("no database\n"), 9999), "damaged or cut off"},
		"only the meta page": {good[:4<<10], "damaged or cut off"},
		"no page whole":      {good[:8<<10+100], "damaged or cut off"},
		"metas overwritten":  {append(make([]byte, 8<<10), good[8<<10:]...), "damaged or cut off"},
		"data overwritten":   {append(bytes.Clone(good[:8<<10]), make([]byte, len(good)-8<<10)...), "damaged or cut off"},
		"no metadata bucket": {foreign, `no bucket "metadata"`},
		"value is not JSON":  {notJSON, "cluster-name"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "agent.db")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := ReadCheckpoint(path)
			if err == nil || got != (Checkpoint{}) {
				t.Fatalf("got %+v, %v", got, err)
			}
			if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q does not contain %s or %q", err, path, c.want)
			}
		})
	}
}

func TestEveryTruncationIsReadOrRejected(t *testing.T) {
	path, db := agentDB(t, 1<<10, saved, 0)
	db.Close()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 0; size <= len(good); size += 97 {
		if got, err := decodeCheckpoint(bytes.NewReader(good[:size])); err == nil && got != saved {
			t.Fatalf("cut off at %d: got %+v", size, got)
		}
	}
}

// bbolt v1.5.0 crashes on this file with "fatal error: stack overflow".
func TestPageCycleIsRejected(t *testing.T) {
	if got, err := decodeCheckpoint(bytes.NewReader(cyclicDB())); !errors.Is(err, errBoltDamaged) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// cyclicDB has a root page 2, a branch page that lists itself as its only child.
func cyclicDB() []byte {
	le := binary.LittleEndian
	file := make([]byte, 3<<12)
	for n := range 2 {
		page := file[n<<12:]
		le.PutUint64(page, uint64(n))
		le.PutUint16(page[8:], 0x04)
		meta := page[pageHeaderSize:]
		le.PutUint32(meta, boltMagic)
		le.PutUint32(meta[4:], boltVersion)
		le.PutUint32(meta[8:], 4096)
		le.PutUint64(meta[16:], 2)
		le.PutUint64(meta[32:], 1<<64-1)
		le.PutUint64(meta[40:], 3)
		le.PutUint64(meta[48:], uint64(n))
		sum := fnv.New64a()
		sum.Write(meta[:metaSummed])
		le.PutUint64(meta[metaSummed:], sum.Sum64())
	}
	root := file[2<<12:]
	le.PutUint64(root, 2)
	le.PutUint16(root[8:], branchPage)
	le.PutUint16(root[10:], 1)
	le.PutUint32(root[16:], elementSize)
	le.PutUint64(root[24:], 2)
	return file
}

func TestPageWithInvalidCountsIsRejected(t *testing.T) {
	for name, damage := range map[string]func(root []byte){
		"elements":       func(root []byte) { root[10], root[11] = 0xff, 0xff },
		"key":            func(root []byte) { root[20], root[21] = 0xff, 0xff },
		"no element":     func(root []byte) { root[10] = 0 },
		"unknown kind":   func(root []byte) { root[8] = 0x10 },
		"another number": func(root []byte) { root[0] = 7 },
		"leaf, elements": func(root []byte) { root[8], root[10], root[11] = leafPage, 0xff, 0xff },
		"leaf, key":      func(root []byte) { root[8], root[24], root[25] = leafPage, 0xff, 0xff },
		"child beyond":   func(root []byte) { root[31] = 0xff },
	} {
		t.Run(name, func(t *testing.T) {
			file := cyclicDB()
			damage(file[2<<12:])
			if got, err := decodeCheckpoint(bytes.NewReader(file)); !errors.Is(err, errBoltDamaged) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// moving changes between reads, like a file that is being written.
type moving struct {
	versions []io.ReaderAt
	reads    int
}

func (m *moving) ReadAt(p []byte, at int64) (int, error) {
	m.reads++
	return m.versions[min(m.reads/4, len(m.versions)-1)].ReadAt(p, at)
}

func TestReadDuringACommitIsRejected(t *testing.T) {
	path, db := agentDB(t, 4<<10, saved, 0)
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	put(t, db, map[string]string{"cluster-name": "other"})
	second, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file := &moving{versions: []io.ReaderAt{bytes.NewReader(first), bytes.NewReader(second)}}
	if got, err := readSteady(file); !errors.Is(err, ErrMoving) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := readSteady(file); err != nil || got.Cluster != "other" {
		t.Errorf("second reading: got %+v, %v", got, err)
	}
}

func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "agent.db")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, pipe} {
		if _, err := ReadCheckpoint(path); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

func TestSetAsideKeepsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.db")
	now := time.Date(2026, 1, 2, 16, 4, 5, 0, time.FixedZone("CET", 3600))
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	got, err := SetAside(path, now)
	if err != nil || got != path+".20260102T150405Z.muster" {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the checkpoint still exists: %v", err)
	}
	write("second")
	if _, err := SetAside(path, now); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second call within the same second: got %v", err)
	}
	if _, err := SetAside(path, now.Add(time.Second)); err != nil {
		t.Error(err)
	}
	var contents []string
	kept, _ := filepath.Glob(path + "*")
	for _, name := range kept {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, string(content))
	}
	if !slices.Equal(contents, []string{"first", "second"}) {
		t.Errorf("kept %q in %q", contents, kept)
	}
}

func TestSetAsideOfMissingFileIsNotExist(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.db")
	if _, err := SetAside(path, time.Now()); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

func FuzzCheckpoint(f *testing.F) {
	path, db := agentDB(f, 1<<10, saved, 2)
	db.Close()
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	// The fuzzer mutates one overwritten range and the length of a valid file, so that it gets past the checksums of the
	// meta pages.
	f.Add(uint32(0), uint64(0), uint32(len(good)), []byte(nil))
	f.Add(uint32(4<<10), uint64(1), uint32(9999), []byte(nil))
	f.Add(uint32(0), uint64(0), uint32(0), cyclicDB())
	f.Fuzz(func(t *testing.T, at uint32, value uint64, size uint32, whole []byte) {
		damaged := bytes.Clone(good)
		at %= uint32(len(damaged) - 8)
		binary.LittleEndian.PutUint64(damaged[at:], value)
		for _, file := range [][]byte{whole, damaged[:min(int(size), len(damaged))]} {
			if got, err := decodeCheckpoint(bytes.NewReader(file)); err != nil && got != (Checkpoint{}) {
				t.Errorf("error %v, but also %+v", err, got)
			}
		}
	})
}
