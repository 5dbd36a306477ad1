// Package fieldcase reads field cases. A field case describes one EC2 instance
// with a public problem, and what muster must report on it. A small one:
//
//	-- case.yaml --
//	source: aws/amazon-ecs-agent#750
//	situation: The cluster's name has a typo.
//	agent: exits 1
//	steps:
//	- muster: debug
//	  exit: 1
//	  first_line: {id: cluster-missing, says: prdo}
//	-- root/etc/ecs/ecs.config --
//	ECS_CLUSTER=prdo
//
// The package only reads and validates: it starts nothing and touches no file
// but the case. ../FORMAT.md documents every key.
package fieldcase
