import "./discovery.test";
import "./folders.test";
import "./findings.test";
import "./fixes.test";
import "./configuration.test";
import "./restarts.test";
import "./typing.test";
import "./diagram.test";
