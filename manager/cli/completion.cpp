// Completion scripts and the manual page, generated from the same values as the help texts.
#include "manager/cli/command_help.hpp"
#include "runtime/base/text.hpp"

#include <map>
#include <set>

#include <fmt/format.h>

namespace stack::cli {

namespace {

/// First words with their summaries; groups such as `image` once.
std::map<std::string, std::string> first_words(const ProgramHelp& program) {
    std::map<std::string, std::string> words{{"help", "Explain a command"},
                                             {"completion", "Print a completion script"}};
    for (const CommandHelp& command : program.commands) {
        const std::size_t space = command.path.find(' ');
        if (space == std::string::npos)
            words[command.path] = command.summary;
        else
            words[command.path.substr(0, space)] = command.group;
    }
    return words;
}

std::string names_of(const std::vector<FlagHelp>& flags) {
    std::vector<std::string> names;
    for (const FlagHelp& flag : flags) {
        if (!flag.long_name.empty()) names.push_back(flag.long_name);
        if (!flag.short_name.empty()) names.push_back(flag.short_name);
    }
    return join(names, " ");
}

std::string keys_of(const std::map<std::string, std::string>& words) {
    std::vector<std::string> names;
    names.reserve(words.size());
    for (const auto& [name, summary] : words) names.push_back(name);
    return join(names, " ");
}

/// Global flags that take a value: the word after them is not the command.
std::string flags_with_value(const ProgramHelp& program) {
    std::vector<std::string> names;
    for (const FlagHelp& flag : program.global_flags) {
        if (flag.value.empty()) continue;
        if (!flag.long_name.empty()) names.push_back(flag.long_name);
        if (!flag.short_name.empty()) names.push_back(flag.short_name);
    }
    return join(names, "|");
}

bool takes_services(const CommandHelp& command) {
    return command.arguments.find("SERVICE") != std::string::npos;
}

std::string shell_quoted(std::string_view text) {
    std::string result = "'";
    for (const char c : text) {
        if (c == '\'')
            result += "'\\''";
        else
            result += c;
    }
    return result + "'";
}

constexpr const char* kBashTemplate = R"bash(# bash completion for stack
_stack() {
    local cur=${COMP_WORDS[COMP_CWORD]} command='' before=() i=1 flags='' services=0
    while ((i < COMP_CWORD)); do
        case ${COMP_WORDS[i]} in
            @VALUE_FLAGS@) before+=("${COMP_WORDS[i]}" "${COMP_WORDS[i+1]}"); ((i += 2)) ;;
            -*) ((i += 1)) ;;
            *) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    if [[ -z $command ]]; then
        if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W @GLOBAL_FLAGS@ -- "$cur"))
        else COMPREPLY=($(compgen -W @COMMANDS@ -- "$cur")); fi
        return
    fi
    if [[ $command == image ]]; then
        if ((COMP_CWORD == i + 1)); then COMPREPLY=($(compgen -W @IMAGE_COMMANDS@ -- "$cur")); return; fi
        command="image ${COMP_WORDS[i+1]}"
    fi
    case $command in
@CASES@    esac
    if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    elif ((services)); then COMPREPLY=($(compgen -W "$(stack "${before[@]}" config --services 2>/dev/null)" -- "$cur"))
    else COMPREPLY=($(compgen -f -- "$cur")); fi
}
complete -F _stack stack
)bash";

void replace(std::string& text, std::string_view placeholder, const std::string& by) {
    const std::size_t at = text.find(placeholder);
    if (at != std::string::npos) text.replace(at, placeholder.size(), by);
}

/// man(7) treats a leading dot or quote as a request and a backslash as an escape.
std::string roff(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '\\')
            result += "\\e";
        else if (c == '-')
            result += "\\-";
        else
            result += c;
    }
    if (!result.empty() && (result[0] == '.' || result[0] == '\'')) result.insert(0, "\\&");
    return result;
}

std::string roff_flags(const std::vector<FlagHelp>& flags) {
    std::string text;
    for (const FlagHelp& flag : flags) {
        std::string names = flag.short_name.empty() ? "" : fmt::format("\\fB{}\\fR", roff(flag.short_name));
        if (!flag.long_name.empty())
            names += fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", roff(flag.long_name));
        if (!flag.value.empty()) names += fmt::format(" \\fI{}\\fR", roff(flag.value));
        text += fmt::format(".TP\n{}\n{}\n", names, roff(flag.description));
    }
    return text;
}

}  // namespace

std::string bash_completion(const ProgramHelp& program) {
    std::string cases;
    for (const CommandHelp& command : program.commands)
        cases += fmt::format("        {}) flags={}; services={} ;;\n", shell_quoted(command.path),
                             shell_quoted(names_of(command.flags)), takes_services(command) ? 1 : 0);
    std::string subcommands;
    for (const CommandHelp& command : program.commands)
        if (command.path.starts_with("image ")) subcommands += command.path.substr(6) + " ";
    std::string text = kBashTemplate;
    replace(text, "@VALUE_FLAGS@", flags_with_value(program));
    replace(text, "@GLOBAL_FLAGS@", shell_quoted(names_of(program.global_flags)));
    replace(text, "@COMMANDS@", shell_quoted(keys_of(first_words(program))));
    replace(text, "@IMAGE_COMMANDS@", shell_quoted(trim(subcommands)));
    replace(text, "@CASES@", cases);
    return text;
}

std::string zsh_completion(const ProgramHelp& program) {
    return "#compdef stack\n# zsh completion for stack, by way of the bash one\n"
           "autoload -U +X bashcompinit && bashcompinit\n" +
           bash_completion(program);
}

std::string fish_completion(const ProgramHelp& program) {
    std::string text = "# fish completion for stack\ncomplete -c stack -f\n";
    const auto flag_line = [](const FlagHelp& flag, const std::string& condition) {
        std::string line = "complete -c stack -n " + shell_quoted(condition);
        if (!flag.long_name.empty()) line += " -l " + flag.long_name.substr(2);
        if (!flag.short_name.empty()) line += " -s " + flag.short_name.substr(1);
        if (!flag.value.empty()) line += " -r -F";
        return line + " -d " + shell_quoted(flag.description) + "\n";
    };
    for (const auto& [word, summary] : first_words(program))
        text += fmt::format("complete -c stack -n __fish_use_subcommand -a {} -d {}\n", word,
                            shell_quoted(summary));
    for (const FlagHelp& flag : program.global_flags) text += flag_line(flag, "__fish_use_subcommand");
    for (const CommandHelp& command : program.commands) {
        const std::size_t space = command.path.find(' ');
        std::string condition = "__fish_seen_subcommand_from " + command.path.substr(0, space);
        if (space != std::string::npos) {
            text += fmt::format("complete -c stack -n {} -a {} -d {}\n", shell_quoted(condition),
                                command.path.substr(space + 1), shell_quoted(command.summary));
            condition += "; and __fish_seen_subcommand_from " + command.path.substr(space + 1);
        }
        if (takes_services(command))
            text += fmt::format("complete -c stack -n {} -a '(stack config --services 2>/dev/null)'\n",
                                shell_quoted(condition));
        for (const FlagHelp& flag : command.flags) text += flag_line(flag, condition);
    }
    return text;
}

std::string manual_page(const ProgramHelp& program) {
    std::string text =
        ".TH STACK 1\n.SH NAME\nstack \\- run the services of a Compose file\n.SH SYNOPSIS\n.B stack\n"
        "[\\fIGLOBAL FLAGS\\fR] \\fICOMMAND\\fR [\\fIFLAGS\\fR] [\\fIARGUMENTS\\fR]\n.SH COMMANDS\n";
    for (const CommandHelp& command : program.commands) {
        text += fmt::format(".SS stack {} {}\n{}.\n", roff(command.path), roff(command.arguments),
                            roff(command.summary));
        for (const std::string& line : split(command.details, '\n'))
            if (!line.empty()) text += roff(line) + "\n";
        text += roff_flags(command.flags);
    }
    text += ".SH GLOBAL FLAGS\n" + roff_flags(program.global_flags);
    text +=
        ".SH EXIT STATUS\n.TP\n0\nIt worked.\n.TP\n1\nIt did not.\n.TP\n2\nThe command line is malformed.\n"
        ".TP\n130\nInterrupted.\n.PP\n\\fBexec\\fR passes on the command's code: 126 when it can't be "
        "executed, 127 when\n"
        "it was not found, 128+n when it ended by signal n.\n";
    return text;
}

}  // namespace stack::cli
