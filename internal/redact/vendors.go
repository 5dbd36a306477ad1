package redact

// tokens are what vendors let their tokens begin with, so that they are found.
const tokens = `gh[opusr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|gl(?:pat|dt|rt|ft|soat|cbt|ptt|agent|imt|oas|ffct)-[\w-]{20,}|xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}|xoxe\.[\w.-]{10,}|` +
	`[srp]k_(?:live|test)_\w{10,}|whsec_\w{16,}|sk-[\w-]{20,}|AIza[\w-]{30,}|ya29\.[\w.-]{20,}|1//0[\w-]{30,}|GOCSPX-[\w-]{20,}|npm_\w{30,}|pypi-[\w-]{16,}|` +
	`dckr_[a-z]{3}_[\w-]{20,}|hv[sbr]\.[\w.-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|do[opr]_v1_\w{40,}|shp[a-z]{2}_\w{20,}|gl(?:sa|c)_[\w=+/-]{20,}|` +
	`NRAK-\w{20,}|dapi[0-9a-f]{32}|hf_\w{30,}|PMAK-[\w-]{20,}|xkeysib-[\w-]{20,}|lin_api_\w{20,}|AGE-SECRET-KEY-1\w{20,}|[0-9]{8,10}:AA[\w-]{33}|` +
	`EAAA\w{20,}|EAAC\w{20,}|(?:IQoJb3JpZ2lu|F[wQ]oGZXIvYXdz)[\w/+%=-]{16,}|sq0[a-z]{3}-[\w-]{20,}|key-[0-9a-f]{32}|rubygems_[0-9a-f]{32,}|AT(?:ATT3|BB)[\w=-]{20,}|` +
	`AQAA[\w/+-]{40,}={0,2}|SWMTKN-1-[\w-]{20,}|tskey-[\w-]{16,}|sntr(?:ys|yu)_[\w=/+]{20,}|dp\.(?:pt|st|ct|sa)\.\w{30,}|pul-[0-9a-f]{40}|sqp_[0-9a-f]{40}|squ_[0-9a-f]{40}|` +
	`figd_[\w-]{20,}|ntn_\w{30,}|nfp_\w{30,}|sbp_[0-9a-f]{40}|CCIPAT_\w{20,}|AKCp\w{20,}|cmVmdGtu\w{20,}|FlyV1\s+[\w,=+/-]{20,}|fo1_[\w-]{20,}|HRKU-[\w-]{30,}|` +
	`[MNO][A-Za-z\d]{23,25}\.[\w-]{6}\.[\w-]{27,}|\w{3}[78]Q~[\w~.-]{30,}|SK[0-9a-f]{32}|[0-9a-f]{32}-us[0-9]{1,2}|\w{14}\.atlasv1\.[\w-]{40,}|K10[0-9a-f]{40,}::\w+:\w+|` +
	`LTAI\w{12,}|v1\.0-[0-9a-f]{24}-[0-9a-f]{64,}|p8e-[\w-]{20,}|oauth:[a-z0-9]{30}` // AQAA is IMDSv2's, cmVmdGtu JFrog's in base64

// tokenHints has a piece of each of them, in lower case.
const tokenHints = "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- gldt- glrt- glft- glsoat- glcbt- glptt- glagent- glimt- gloas- glffct- xox xapp- " +
	"_live_ _test_ whsec_ sk- aiza ya29. 1//0 gocspx- npm_ pypi- dckr_ hvs. hvb. hvr. sg. _v1_ shp glsa_ glc_ nrak- dapi hf_ pmak- xkeysib- lin_api_ " +
	"age-secret-key- :aa eaaa eaac iqojb3jpz2lu gozxivyxdz sq0 key- rubygems_ atatt3 atbb aqaa swmtkn- tskey- sntry dp. pul- sqp_ squ_ figd_ ntn_ nfp_ sbp_ " +
	"ccipat_ akcp cmvmdgtu flyv1 fo1_ hrku- 8q~ 7q~ sk0 sk1 sk2 sk3 sk4 sk5 sk6 sk7 sk8 sk9 ska skb skc skd ske skf -us .atlasv1. k10 ltai v1.0- p8e- oauth: .g .x .y"
