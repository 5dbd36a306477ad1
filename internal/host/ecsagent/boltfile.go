package ecsagent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// boltFile reads single values from a bbolt file, without its lock and without
// mapping it. bbolt itself trusts the file: a page that names itself as its
// child exhausts the stack, which no recover catches. An agent.db is read while
// the agent writes it, or after a disk filled up, so here every offset is
// checked and every walk is bounded.
// The format is that of go.etcd.io/bbolt/internal/common (meta.go, page.go,
// bucket.go), version 2, little endian, as on every EC2 architecture.
type boltFile struct {
	file     io.ReaderAt
	pageSize int64
	root     uint64 // page of the root bucket
}

const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageHeaderSize  = 16
	elementSize     = 16 // of branch and leaf elements alike
	bucketSize      = 16 // root page and sequence, in front of an inline page
	metaSize        = 64
	metaSummed      = 56      // the checksum covers what precedes it
	maxPage         = 1 << 20 // with its overflow; the agent's values have less than 1 KiB
	maxDepth        = 32      // a tree of 2^32 pages is not that deep
	branchPage      = 0x01
	leafPage        = 0x02
	bucketLeafEntry = 0x01
)

var errBoltDamaged = errors.New("damaged or cut off")

// openBolt takes the newest of the two meta pages that is valid.
func openBolt(file io.ReaderAt) (*boltFile, error) {
	db := &boltFile{file: file}
	var newest uint64
	// The second meta page follows the first, whose size only a valid meta
	// tells: 4 KiB, or up to 64 KiB on arm64 kernels.
	for at := int64(0); at <= 64<<10; at = max(1<<10, at*2) {
		var page [pageHeaderSize + metaSize]byte
		if _, err := file.ReadAt(page[:], at); err != nil {
			break
		}
		size, root, tx, ok := readMeta(page[pageHeaderSize:])
		if ok && (at == 0 || at == size) && (db.pageSize == 0 || tx > newest) {
			db.pageSize, db.root, newest = size, root, tx
		}
	}
	if db.pageSize == 0 {
		return nil, errBoltDamaged
	}
	return db, nil
}

func readMeta(meta []byte) (pageSize int64, root, tx uint64, ok bool) {
	le := binary.LittleEndian
	sum := fnv.New64a()
	sum.Write(meta[:metaSummed])
	pageSize = int64(le.Uint32(meta[8:]))
	ok = le.Uint32(meta) == boltMagic && le.Uint32(meta[4:]) == boltVersion &&
		le.Uint64(meta[metaSummed:]) == sum.Sum64() && pageSize >= 1<<10 && pageSize <= 64<<10
	return pageSize, le.Uint64(meta[16:]), le.Uint64(meta[48:]), ok
}

// boltBucket is a tree of pages, or for a small bucket one page inside its
// parent's value; root is 0 then.
type boltBucket struct {
	root   uint64
	inline boltPage
}

// bucket finds a bucket of the root. Absent is false without an error.
func (db *boltFile) bucket(name string) (b boltBucket, found bool, err error) {
	value, flags, err := db.get(boltBucket{root: db.root}, name)
	if err != nil || flags&bucketLeafEntry == 0 {
		return b, false, err
	}
	if len(value) < bucketSize {
		return b, false, errBoltDamaged
	}
	return boltBucket{binary.LittleEndian.Uint64(value), value[bucketSize:]}, true, nil
}

// get returns the value under key and its flags. Absent is nil without an error.
func (db *boltFile) get(b boltBucket, key string) (value []byte, flags uint32, err error) {
	page := b.inline
	for range maxDepth {
		if b.root != 0 {
			if page, err = db.page(b.root); err != nil {
				return nil, 0, err
			}
		}
		switch page.kind() {
		case leafPage:
			return page.value(key)
		case branchPage:
			if b.root, err = page.child(key); err != nil {
				return nil, 0, err
			}
		default:
			return nil, 0, errBoltDamaged
		}
	}
	return nil, 0, errBoltDamaged
}

func (db *boltFile) page(id uint64) (boltPage, error) {
	// Beyond this the offset would overflow; a shorter file ends before it.
	at := int64(min(id, 1<<40)) * db.pageSize
	header, err := db.read(at, pageHeaderSize)
	if err != nil {
		return nil, err
	}
	if header.id() != id {
		return nil, errBoltDamaged
	}
	return db.read(at, min(maxPage, db.pageSize*(1+header.overflow())))
}

func (db *boltFile) read(at, size int64) (boltPage, error) {
	page := make(boltPage, size)
	if _, err := db.file.ReadAt(page, at); err != nil {
		return nil, fmt.Errorf("%w: at byte %d: %w", errBoltDamaged, at, err)
	}
	return page, nil
}

// boltPage is a page with its overflow, or an inline page.
type boltPage []byte

func (p boltPage) id() uint64      { return binary.LittleEndian.Uint64(p) }
func (p boltPage) overflow() int64 { return int64(binary.LittleEndian.Uint32(p[12:])) }

func (p boltPage) count() int { return int(binary.LittleEndian.Uint16(p[10:])) }

// kind is 0 for a page too short for the elements that it claims.
func (p boltPage) kind() uint16 {
	if len(p) < pageHeaderSize || len(p) < pageHeaderSize+p.count()*elementSize {
		return 0
	}
	return binary.LittleEndian.Uint16(p[8:])
}

// elements returns, for each element, it and all that follows: the place of its
// key and value is relative to it.
func (p boltPage) elements() []boltElement {
	elements := make([]boltElement, p.count())
	for n := range elements {
		elements[n] = boltElement(p[pageHeaderSize+n*elementSize:])
	}
	return elements
}

// value searches a leaf page.
func (p boltPage) value(key string) (value []byte, flags uint32, err error) {
	for _, e := range p.elements() {
		k, err := e.cut(e.word(1), e.word(2))
		if err != nil {
			return nil, 0, err
		}
		if string(k) == key {
			value, err = e.cut(e.word(1)+e.word(2), e.word(3))
			return value, uint32(e.word(0)), err
		}
	}
	return nil, 0, nil
}

// child returns the page under which key belongs: that of the last element of a
// branch page whose key is not above it, or of the first.
func (p boltPage) child(key string) (child uint64, err error) {
	for _, e := range p.elements() {
		k, err := e.cut(e.word(0), e.word(1))
		if err != nil {
			return 0, err
		}
		if child != 0 && string(k) > key {
			break
		}
		child = binary.LittleEndian.Uint64(e[8:])
	}
	if child == 0 {
		return 0, errBoltDamaged
	}
	return child, nil
}

type boltElement []byte

// word returns one of the element's four 32-bit numbers.
func (e boltElement) word(n int) uint64 { return uint64(binary.LittleEndian.Uint32(e[4*n:])) }

func (e boltElement) cut(at, size uint64) ([]byte, error) {
	if at+size > uint64(len(e)) {
		return nil, errBoltDamaged
	}
	return e[at : at+size], nil
}
