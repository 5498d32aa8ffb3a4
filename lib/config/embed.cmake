# Puts schemas/*.schema.json and examples/models/*.json into the library, so that the programs work before they are
# installed and wherever they are moved to. Run as a script (-P) it writes the source file.
if(CMAKE_SCRIPT_MODE_FILE)
  function(embed variable folder suffix)
    file(GLOB files ${folder}/*${suffix})
    list(SORT files)
    set(rows "")
    foreach(file IN LISTS files)
      get_filename_component(name ${file} NAME)
      string(REPLACE "${suffix}" "" name ${name})
      file(READ ${file} text)
      string(APPEND rows "    {\"${name}\", R\"__json__(${text})__json__\"},\n")
    endforeach()
    list(LENGTH files count)
    set(code "${code}const EmbeddedFile ${variable}[] = {\n${rows}    {nullptr, nullptr}};\n" PARENT_SCOPE)
  endfunction()
  set(code "// Generated from schemas/ and examples/models/.\n#include \"config/embedded.h\"\n\nnamespace sde::config {\n")
  embed(kEmbeddedSchemas ${SOURCE_DIR}/schemas .schema.json)
  embed(kEmbeddedModels ${SOURCE_DIR}/examples/models .json)
  string(APPEND code "}  // namespace sde::config\n")
  file(WRITE ${OUTPUT} "${code}")
  return()
endif()

file(GLOB embedded CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/schemas/*.schema.json ${CMAKE_SOURCE_DIR}/examples/models/*.json)
set(embedded_source ${CMAKE_CURRENT_BINARY_DIR}/embedded.cc)
add_custom_command(OUTPUT ${embedded_source}
                   COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${CMAKE_SOURCE_DIR} -DOUTPUT=${embedded_source}
                           -P ${CMAKE_CURRENT_SOURCE_DIR}/config/embed.cmake
                   DEPENDS ${embedded} ${CMAKE_CURRENT_SOURCE_DIR}/config/embed.cmake
                   COMMENT "Embedding schemas and models" VERBATIM)
target_sources(sde_config PRIVATE ${embedded_source})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/examples/models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/sdetools/models
        FILES_MATCHING PATTERN "*.json")
