package ecsagent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// boltFile reads single values from a bbolt file, without a lock and without mmap. It reads agent.db while the agent
// writes it, or after a full disk truncated it, so it checks every offset and bounds every walk. bbolt itself trusts the
// file: a page that lists itself as its child overflows the stack, which recover cannot catch.
//
// The format is version 2 of go.etcd.io/bbolt/internal/common (meta.go, page.go, bucket.go), little endian, as on every
// EC2 architecture.
type boltFile struct {
	file     io.ReaderAt
	pageSize int64
	root     uint64 // page number of the root bucket
}

const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageHeaderSize  = 16
	elementSize     = 16 // for branch and leaf elements
	bucketSize      = 16 // root page and sequence, before an inline page
	metaSize        = 64
	metaSummed      = 56      // the checksum covers the bytes before it
	maxPage         = 1 << 20 // including overflow pages; the agent's values are under 1 KiB
	maxDepth        = 32      // a tree of 2^32 pages is shallower
	branchPage      = 0x01
	leafPage        = 0x02
	bucketLeafEntry = 0x01
)

var errBoltDamaged = errors.New("damaged or cut off")

// openBolt reads the newer valid meta page.
func openBolt(file io.ReaderAt) (*boltFile, error) {
	db := &boltFile{file: file}
	var newest uint64
	// The second meta page follows the first one, and only a valid meta page gives the page size: 4 KiB, or up to 64 KiB
	// on arm64 kernels.
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

// boltBucket is a tree of pages. A small bucket is one page inside its parent's value; its root is 0.
type boltBucket struct {
	root   uint64
	inline boltPage
}

// bucket finds a top-level bucket. It returns false without an error if the bucket is absent.
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

// get returns the value of key and its flags. It returns nil without an error if the key is absent.
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
	// A higher id would overflow the offset. Any real file ends before that.
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

// boltPage is a page with its overflow pages, or an inline page.
type boltPage []byte

func (p boltPage) id() uint64      { return binary.LittleEndian.Uint64(p) }
func (p boltPage) overflow() int64 { return int64(binary.LittleEndian.Uint32(p[12:])) }

func (p boltPage) count() int { return int(binary.LittleEndian.Uint16(p[10:])) }

// kind returns 0 for a page that is too short for its element count.
func (p boltPage) kind() uint16 {
	if len(p) < pageHeaderSize || len(p) < pageHeaderSize+p.count()*elementSize {
		return 0
	}
	return binary.LittleEndian.Uint16(p[8:])
}

// elements returns the bytes from each element to the end of the page, because an element addresses its key and value
// relative to itself.
func (p boltPage) elements() []boltElement {
	elements := make([]boltElement, p.count())
	for n := range elements {
		elements[n] = boltElement(p[pageHeaderSize+n*elementSize:])
	}
	return elements
}

// value looks up key in a leaf page.
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

// child returns the child page for key: that of the last element whose key is not greater, or of the first element.
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

// word returns one of the four 32-bit numbers of the element.
func (e boltElement) word(n int) uint64 { return uint64(binary.LittleEndian.Uint32(e[4*n:])) }

func (e boltElement) cut(at, size uint64) ([]byte, error) {
	if at+size > uint64(len(e)) {
		return nil, errBoltDamaged
	}
	return e[at : at+size], nil
}
