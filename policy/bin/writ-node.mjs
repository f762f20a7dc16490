#!/usr/bin/env node
// npm links commands when it installs, which is before anything is built: this file is there from the start.
import '../dist/agent/main.js';
